-- The one account system of all client APIs: sessions with rotated refresh tokens, keys that sign access tokens, codes sent by mail.

ALTER TABLE heliograph.account
    -- Lower case; accounts made at the command line may have none.
    ADD email text CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
    ADD email_verified_at timestamptz,
    ADD is_active boolean NOT NULL DEFAULT true,
    ADD metadata jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    ADD updated_at timestamptz NOT NULL DEFAULT now(),
    ADD last_login_at timestamptz;
CREATE UNIQUE INDEX account_email ON heliograph.account (email);
CREATE INDEX account_created ON heliograph.account (created_at, number);

-- A log-in of one client. Its refresh tokens are one family: the one that was used last made the one that is good.
CREATE TABLE heliograph.session (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account       bigint NOT NULL REFERENCES heliograph.account (number) ON DELETE CASCADE,
    device_info   text NOT NULL DEFAULT '' CHECK (length(device_info) <= 256),
    address       text NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL DEFAULT now(),
    refreshed_at  timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,
    revoked_at    timestamptz
);
CREATE INDEX session_account ON heliograph.session (account);
CREATE INDEX session_expires ON heliograph.session (expires_at);

CREATE TABLE heliograph.refresh_token (
    -- SHA-256 of the token's text.
    hash        bytea PRIMARY KEY CHECK (length(hash) = 32),
    session     uuid NOT NULL REFERENCES heliograph.session (id) ON DELETE CASCADE,
    created_at  timestamptz NOT NULL DEFAULT now(),
    -- Once only: a second use says that somebody else has it too.
    used_at     timestamptz
);
CREATE INDEX refresh_token_session ON heliograph.refresh_token (session);

-- The newest one signs; the others still verify what they have signed.
CREATE TABLE heliograph.signing_key (
    kid         text PRIMARY KEY CHECK (length(kid) BETWEEN 1 AND 64),
    secret      bytea NOT NULL CHECK (length(secret) >= 32),
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The code that was sent last to an address for a purpose.
CREATE TABLE heliograph.verification_code (
    email       text NOT NULL CHECK (email = lower(email) AND length(email) <= 254),
    purpose     text NOT NULL CHECK (purpose IN ('registration', 'password_reset')),
    -- SHA-256 of salt and code.
    salt        bytea NOT NULL,
    hash        bytea NOT NULL CHECK (length(hash) = 32),
    -- The code under the secret key, for the mailer; null where nothing is sent: the row is there all the same, so that nobody can tell.
    sealed      bytea,
    sent_at     timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    tries       integer NOT NULL DEFAULT 0,
    -- Verified, and not used yet.
    verified_at timestamptz,
    PRIMARY KEY (email, purpose)
) WITH (fillfactor = 50);
CREATE INDEX verification_code_expires ON heliograph.verification_code (expires_at);
