#pragma once
#include <zlib.h>

/// deflateInit2 is a macro. 16 added to the window bits asks for a gzip header and trailer.
static inline int hg_deflate_init_gzip(z_stream *s, int level) {
    return deflateInit2(s, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}

/// Without header and trailer: who reads it knows what it is. Negative window bits ask for that.
static inline int hg_deflate_init_raw(z_stream *s, int level, int window_bits, int memory_level) {
    return deflateInit2(s, level, Z_DEFLATED, -window_bits, memory_level, Z_DEFAULT_STRATEGY);
}

static inline int hg_inflate_init_raw(z_stream *s, int window_bits) { return inflateInit2(s, -window_bits); }
