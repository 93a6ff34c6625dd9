-- Accounts and tokens: what the operators' routes and the intake need. Secrets are kept as hashes only.

CREATE TABLE heliograph.account (
    number         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id             uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    username       text NOT NULL CHECK (length(username) BETWEEN 1 AND 64),
    role           text NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'admin')),
    -- Argon2id, in libsodium's text form.
    password_hash  text NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX account_username ON heliograph.account (lower(username));

CREATE TABLE heliograph.token (
    -- SHA-256 of the token's text.
    hash        bytea PRIMARY KEY CHECK (length(hash) = 32),
    scope       text NOT NULL CHECK (scope IN ('ingest', 'admin')),
    account     bigint REFERENCES heliograph.account (number) ON DELETE CASCADE,
    label       text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz
);
