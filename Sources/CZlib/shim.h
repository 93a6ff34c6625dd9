#pragma once
#include <zlib.h>

/// deflateInit2 is a macro. 16 added to the window bits asks for a gzip header and trailer.
static inline int hg_deflate_init_gzip(z_stream *s, int level) {
    return deflateInit2(s, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}
