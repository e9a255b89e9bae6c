-- Counters and facts of the store: 'definitions' counts changes of definitions, 'next_id' is the next id handed out,
-- 'audit_file' and 'audit_taken' say how much of which audit file was taken into renkei_audit.
CREATE TABLE renkei_meta (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO renkei_meta (name, value) VALUES ('definitions', 1), ('next_id', 100001),
    ('audit_file', 0), ('audit_taken', 0);

-- Databases, lists, searches, import settings: one JSON document each, as documented for blueprints.
CREATE TABLE renkei_definition (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    database_id INTEGER,
    code TEXT NOT NULL,
    document TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX renkei_definition_code ON renkei_definition (kind, ifnull(database_id, 0), code);

-- The greatest record id that was ever deleted: ids are not used twice.
CREATE TABLE renkei_last_id (
    table_name TEXT PRIMARY KEY,
    id INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Automatic numbers: the last number given, by field and reset period.
CREATE TABLE renkei_counter (
    field_id INTEGER NOT NULL,
    period TEXT NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (field_id, period)
) STRICT, WITHOUT ROWID;

-- Who listens to what happens to records: a definition each. Sorts of events are bits: registered 1, updated 2, deleted 4,
-- imported 8.
CREATE TABLE renkei_listener (
    id INTEGER PRIMARY KEY REFERENCES renkei_definition (id),
    -- the sort of definition, by which its room finds it
    kind TEXT NOT NULL,
    database_id INTEGER NOT NULL,
    -- what is heard outside of imports, and of imports
    events INTEGER NOT NULL,
    import_events INTEGER NOT NULL,
    -- whether detail rows are kept with the events
    details INTEGER NOT NULL,
    -- the last event that was consumed
    taken INTEGER NOT NULL,
    -- how many were dropped because nobody had consumed them in time
    missed INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX renkei_listener_database ON renkei_listener (database_id);
-- What happened and is still waited for. Ids are never used twice: listeners remember how far they are.
CREATE TABLE renkei_event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    database_id INTEGER NOT NULL,
    what INTEGER NOT NULL,
    record_id INTEGER,
    at INTEGER NOT NULL,
    -- 0 is the host
    actor INTEGER NOT NULL,
    -- the door, the run that wrote, and the runs that led to it, as JSON
    origin TEXT NOT NULL,
    run_id INTEGER,
    chain TEXT,
    -- the record by field ids, as JSON: after it as a whole; before it as a whole, where there is an after what differed;
    -- of an import its counts
    before TEXT,
    after TEXT,
    -- the detail rows, where a listener needs them; before only where they differed
    before_rows TEXT,
    after_rows TEXT
) STRICT;
CREATE INDEX renkei_event_database ON renkei_event (database_id);

-- Access. Lists of address ranges are JSON.
CREATE TABLE renkei_user (
    id INTEGER PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    mail TEXT,
    active INTEGER NOT NULL DEFAULT 1,
    administrator INTEGER NOT NULL DEFAULT 0,
    calls_per_minute INTEGER,
    addresses TEXT NOT NULL DEFAULT '[]'
) STRICT;
CREATE UNIQUE INDEX renkei_user_login ON renkei_user (lower(code));
-- Rights as bits: view 1, register 2, update 4, delete 8, import 16, export 32, manage 64.
CREATE TABLE renkei_right (
    user_id INTEGER NOT NULL REFERENCES renkei_user (id) ON DELETE CASCADE,
    -- 0 stands for every database
    database_id INTEGER NOT NULL,
    rights INTEGER NOT NULL,
    PRIMARY KEY (user_id, database_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE renkei_token (
    id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES renkei_user (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    -- SHA-256 of the secret, which is kept nowhere; a token is found by the first 8 bytes
    hash BLOB NOT NULL,
    finder INTEGER NOT NULL,
    addresses TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by INTEGER,
    expires_at INTEGER,
    revoked_at INTEGER,
    last_used_at INTEGER,
    last_address TEXT
) STRICT;
CREATE INDEX renkei_token_finder ON renkei_token (finder);
CREATE INDEX renkei_token_user ON renkei_token (user_id);
-- The settings of access, as documented for blueprints.
CREATE TABLE renkei_access (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    document TEXT NOT NULL
) STRICT;
-- Who did what. Calls come here from the file `-audit` beside the store, of which renkei_meta remembers how much was taken.
CREATE TABLE renkei_audit (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    user_id INTEGER,
    token_id INTEGER,
    address TEXT,
    action TEXT NOT NULL,
    database_id INTEGER,
    subject TEXT NOT NULL,
    result TEXT NOT NULL
) STRICT;
CREATE INDEX renkei_audit_at ON renkei_audit (at);

-- Stored bytes: uploads (with an end of life) and the files of file fields.
CREATE TABLE renkei_file (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    -- 0 while being written, 1 whole and belonging to nobody, 2 belonging to a record, 3 belonging to a delivery
    state INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    -- the user who may use it while it belongs to no record; none is the host
    created_by INTEGER,
    -- the database of the record it belongs to
    database_id INTEGER
) STRICT;
CREATE INDEX renkei_file_expiry ON renkei_file (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE renkei_file_chunk (
    file_id INTEGER NOT NULL REFERENCES renkei_file (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (file_id, number)
) STRICT;

-- Durable work. One mechanism for everything that is reserved now and run later.
CREATE TABLE renkei_job (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    -- jobs of one lane run one after the other, in the order of their ids
    lane INTEGER NOT NULL,
    -- 'reserved', 'running', 'completed', 'failed', 'cancelled'
    state TEXT NOT NULL,
    run_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    created_by INTEGER,
    started_at INTEGER,
    ended_at INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    -- who runs it, and until when his silence is not taken for death
    owner BLOB,
    lease_until INTEGER,
    -- how much it does at once: the senders of a pool
    width INTEGER NOT NULL DEFAULT 1,
    cancel_asked INTEGER NOT NULL DEFAULT 0,
    -- the client's own token: the same token gives the same job
    token TEXT,
    error_code TEXT,
    error_ja TEXT,
    error_en TEXT,
    -- who is told how it ended, by mail; and whether that mail is still to be written
    report TEXT,
    report_due INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX renkei_job_open ON renkei_job (kind, run_at, id) WHERE state IN ('reserved', 'running');
CREATE UNIQUE INDEX renkei_job_token ON renkei_job (kind, token) WHERE token IS NOT NULL;
CREATE INDEX renkei_job_ended ON renkei_job (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX renkei_job_report ON renkei_job (id) WHERE report_due = 1;

CREATE TABLE renkei_import (
    job_id INTEGER PRIMARY KEY REFERENCES renkei_job (id) ON DELETE CASCADE,
    -- the setting as it was when the import was reserved
    setting TEXT NOT NULL,
    setting_id INTEGER,
    database_id INTEGER NOT NULL,
    file_id INTEGER,
    path TEXT,
    -- of a file read in place: its size and time of change, by which a change is noticed
    file_bytes INTEGER NOT NULL,
    file_changed INTEGER,
    sha256 BLOB,
    dry_run INTEGER NOT NULL DEFAULT 0,
    encoding TEXT,
    -- the header line as it stands in the file, for the file of rejects
    header BLOB,
    -- where the next run goes on: byte and line after the last committed line
    next_offset INTEGER NOT NULL DEFAULT 0,
    next_line INTEGER NOT NULL DEFAULT 0,
    -- the key of the last committed line, if it was taken: following lines with the same key belong to the same record
    last_key TEXT,
    total INTEGER NOT NULL DEFAULT 0,
    inserted INTEGER NOT NULL DEFAULT 0,
    updated INTEGER NOT NULL DEFAULT 0,
    unchanged INTEGER NOT NULL DEFAULT 0,
    rejected INTEGER NOT NULL DEFAULT 0,
    skipped INTEGER NOT NULL DEFAULT 0,
    reject_cells INTEGER NOT NULL DEFAULT 0,
    -- how many of these are kept in renkei_reject: the limit may have been another one than today
    rejects_kept INTEGER NOT NULL DEFAULT 0
) STRICT;
-- Databases whose plain indexes wait until the import that fills them ends; made then, or by whoever works next.
CREATE TABLE renkei_deferred_index (
    database_id INTEGER PRIMARY KEY,
    job_id INTEGER NOT NULL
) STRICT;
CREATE INDEX renkei_import_hash ON renkei_import (setting_id, sha256) WHERE sha256 IS NOT NULL;

CREATE TABLE renkei_reject (
    job_id INTEGER NOT NULL REFERENCES renkei_job (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    line INTEGER NOT NULL,
    byte_offset INTEGER NOT NULL,
    column_number INTEGER,
    column_name TEXT,
    value TEXT NOT NULL,
    code TEXT NOT NULL,
    message_ja TEXT NOT NULL,
    message_en TEXT NOT NULL,
    -- the whole line as it stands in the file, with the first reject of the line only
    raw BLOB,
    PRIMARY KEY (job_id, number)
) STRICT, WITHOUT ROWID;

-- Secrets, sealed by a key that is not in this file: nonce, then ciphertext.
CREATE TABLE renkei_secret (
    name TEXT PRIMARY KEY,
    sealed BLOB NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What deliveries share that go to one place: a target that is defined, or else an origin such as https://h.example:443.
CREATE TABLE renkei_target (
    id INTEGER PRIMARY KEY,
    definition_id INTEGER,
    origin TEXT,
    channel TEXT NOT NULL,
    -- when the next delivery may be claimed, all limits considered; NULL when none waits or none may
    ready_at INTEGER,
    -- failures in a row, and since when
    failures INTEGER NOT NULL DEFAULT 0,
    failing_since INTEGER,
    -- the circuit: nothing is sent before this moment, then one delivery at a time, until one succeeds
    probe_at INTEGER,
    probes INTEGER NOT NULL DEFAULT 0,
    -- since when nothing is sent until somebody enables it again, and why
    disabled_at INTEGER,
    disabled_why TEXT,
    -- until when it asked to be left alone
    held_until INTEGER,
    -- the rate: the theoretical time of the next call, in microseconds
    rate_next INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX renkei_target_of ON renkei_target (ifnull(definition_id, 0), ifnull(origin, ''), channel);
CREATE INDEX renkei_target_ready ON renkei_target (ready_at) WHERE ready_at IS NOT NULL;

-- How deliveries are sent, as it was when they were made: equal ones are kept once.
CREATE TABLE renkei_sending (
    id INTEGER PRIMARY KEY,
    sha256 BLOB NOT NULL UNIQUE,
    document TEXT NOT NULL
) STRICT;

CREATE TABLE renkei_delivery (
    id INTEGER PRIMARY KEY,
    -- `webhook-id` and `Idempotency-Key`, the same at every attempt
    message_id TEXT NOT NULL,
    channel TEXT NOT NULL,
    -- who made it, by which setting, together with which others
    kind TEXT NOT NULL,
    setting_id INTEGER,
    run_id INTEGER,
    target_id INTEGER NOT NULL REFERENCES renkei_target (id),
    sending_id INTEGER NOT NULL REFERENCES renkei_sending (id),
    -- 'waiting', 'behind' (an earlier one of the same order key), 'sending', 'delivered', 'failed', 'cancelled'
    state TEXT NOT NULL,
    -- 0 before 1 before 2
    priority INTEGER NOT NULL,
    order_key TEXT,
    due_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    created_by INTEGER,
    expires_at INTEGER,
    started_at INTEGER,
    ended_at INTEGER,
    -- all attempts; those since it was made or replayed, which is the place in the plan
    attempts INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    -- how often its sender died while it held it
    interrupted INTEGER NOT NULL DEFAULT 0,
    -- the job that sends it
    claimed_by INTEGER,
    cancel_asked INTEGER NOT NULL DEFAULT 0,
    token TEXT,
    status INTEGER,
    error_family TEXT,
    error_code TEXT,
    error_ja TEXT,
    error_en TEXT,
    -- what went wrong with what should have followed
    after_code TEXT,
    after_ja TEXT,
    after_en TEXT,
    context TEXT NOT NULL
) STRICT;
CREATE INDEX renkei_delivery_waiting ON renkei_delivery (target_id, priority, due_at, id) WHERE state = 'waiting';
CREATE INDEX renkei_delivery_sending ON renkei_delivery (target_id, claimed_by) WHERE state = 'sending';
CREATE INDEX renkei_delivery_order ON renkei_delivery (target_id, order_key, state, id)
    WHERE order_key IS NOT NULL AND state IN ('waiting', 'behind', 'sending');
CREATE INDEX renkei_delivery_expiry ON renkei_delivery (expires_at)
    WHERE expires_at IS NOT NULL AND state IN ('waiting', 'behind');
CREATE INDEX renkei_delivery_failed ON renkei_delivery (ended_at, target_id) WHERE state = 'failed';
CREATE INDEX renkei_delivery_ended ON renkei_delivery (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX renkei_delivery_run ON renkei_delivery (kind, run_id) WHERE run_id IS NOT NULL;
CREATE UNIQUE INDEX renkei_delivery_token ON renkei_delivery (kind, token) WHERE token IS NOT NULL;

-- What is sent, frozen: secrets are named by their places, never written.
CREATE TABLE renkei_message (
    delivery_id INTEGER PRIMARY KEY REFERENCES renkei_delivery (id) ON DELETE CASCADE,
    method TEXT NOT NULL,
    url TEXT NOT NULL,
    headers TEXT NOT NULL,
    -- the body, or the file it stands in; size and SHA-256 without secrets
    body BLOB,
    slots TEXT,
    file_id INTEGER,
    bytes INTEGER NOT NULL,
    sha256 BLOB NOT NULL
) STRICT;

CREATE TABLE renkei_attempt (
    id INTEGER PRIMARY KEY,
    delivery_id INTEGER NOT NULL REFERENCES renkei_delivery (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    address TEXT,
    -- microseconds: for the connection, then TLS (both absent where a connection was used again), until the head of the
    -- answer was there, until all was done
    connect_us INTEGER,
    tls_us INTEGER,
    answer_us INTEGER,
    total_us INTEGER NOT NULL,
    status INTEGER,
    answer BLOB,
    answer_cut INTEGER NOT NULL DEFAULT 0,
    family TEXT,
    error_code TEXT,
    error_ja TEXT,
    error_en TEXT,
    retry_at INTEGER
) STRICT;
CREATE UNIQUE INDEX renkei_attempt_number ON renkei_attempt (delivery_id, number);
-- Runs of CSV pushes. The run itself is a job, which ends when its delivery does.
CREATE TABLE renkei_push (
    job_id INTEGER PRIMARY KEY REFERENCES renkei_job (id) ON DELETE CASCADE,
    -- the setting as it was
    setting TEXT NOT NULL,
    setting_id INTEGER NOT NULL,
    database_id INTEGER NOT NULL,
    list_id INTEGER NOT NULL,
    memo TEXT NOT NULL,
    records INTEGER NOT NULL DEFAULT 0,
    lines INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    sha256 BLOB,
    -- absent when the run failed before there was anything to send
    delivery_id INTEGER,
    -- how it ended: 'before_sending', 'unanswered', 'answer'; status and first bytes of the last answer
    family TEXT,
    status INTEGER,
    answer BLOB,
    -- the record ids that were sent, where they are updated afterwards: differences as varints
    sent BLOB,
    -- how far that update is: bytes of `sent`, and the id before them
    next_byte INTEGER NOT NULL DEFAULT 0,
    last_id INTEGER NOT NULL DEFAULT 0,
    updated INTEGER NOT NULL DEFAULT 0,
    not_updated INTEGER NOT NULL DEFAULT 0,
    update_error TEXT
) STRICT;
CREATE INDEX renkei_push_list ON renkei_push (list_id, job_id);

-- Runs of http sends: a job each, which ends with the last of its deliveries.
CREATE TABLE renkei_send (
    job_id INTEGER PRIMARY KEY REFERENCES renkei_job (id) ON DELETE CASCADE,
    setting TEXT NOT NULL,
    setting_id INTEGER NOT NULL,
    database_id INTEGER NOT NULL,
    list_id INTEGER NOT NULL,
    -- 'button' or 'pulldown'
    started_from TEXT NOT NULL,
    memo TEXT NOT NULL
) STRICT;
CREATE INDEX renkei_send_list ON renkei_send (list_id, job_id);
CREATE TABLE renkei_send_item (
    job_id INTEGER NOT NULL REFERENCES renkei_send (job_id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    record_id INTEGER NOT NULL,
    record_key TEXT NOT NULL,
    delivery_id INTEGER,
    -- 'waiting', 'delivered', 'failed', 'cancelled'
    state TEXT NOT NULL,
    family TEXT,
    status INTEGER,
    -- whether parts of the answer were saved in the record
    saved INTEGER NOT NULL DEFAULT 0,
    error_code TEXT,
    error_ja TEXT,
    error_en TEXT,
    PRIMARY KEY (job_id, number)
) STRICT, WITHOUT ROWID;

-- Runs of automations: a job each.
CREATE TABLE renkei_automation (
    job_id INTEGER PRIMARY KEY REFERENCES renkei_job (id) ON DELETE CASCADE,
    -- the definition as it was
    setting TEXT NOT NULL,
    setting_id INTEGER NOT NULL,
    database_id INTEGER NOT NULL,
    list_id INTEGER,
    started_from TEXT NOT NULL,
    memo TEXT NOT NULL,
    -- the runs that led to this one, with the codes of their settings, the first first, as JSON
    chain TEXT NOT NULL,
    -- the ids of the records or detail rows: differences as varints
    items BLOB NOT NULL,
    total INTEGER NOT NULL,
    -- how many were begun, and where the next stands: bytes of `items`, and the id before them
    begun INTEGER NOT NULL DEFAULT 0,
    next_byte INTEGER NOT NULL DEFAULT 0,
    last_id INTEGER NOT NULL DEFAULT 0,
    -- of those that were begun: how many came to the end, and how many were stopped by an error
    completed INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    -- milliseconds of work
    worked INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX renkei_automation_setting ON renkei_automation (setting_id, job_id);
-- Records that stand between two parts, or wait.
CREATE TABLE renkei_automation_open (
    job_id INTEGER NOT NULL REFERENCES renkei_automation (job_id) ON DELETE CASCADE,
    item INTEGER NOT NULL,
    unit_id INTEGER NOT NULL,
    -- the next part
    part INTEGER NOT NULL,
    -- the run of http sends whose end it waits for
    send_id INTEGER,
    PRIMARY KEY (job_id, item)
) STRICT, WITHOUT ROWID;
CREATE INDEX renkei_automation_waiting ON renkei_automation_open (send_id) WHERE send_id IS NOT NULL;
-- The journal: what each part did for each record. One row stands for several records that follow each other in the run,
-- where it did the same for them at the same time: `item` is the first of them.
CREATE TABLE renkei_automation_entry (
    job_id INTEGER NOT NULL REFERENCES renkei_automation (job_id) ON DELETE CASCADE,
    item INTEGER NOT NULL,
    part INTEGER NOT NULL,
    unit_id INTEGER NOT NULL,
    -- 'running', 'waiting', 'done', 'failed', 'cancelled'
    state TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    -- which way it went: 1 for hits and for a condition that holds
    branch INTEGER,
    -- records (for each item) that it wrote, found or sent, and those that refused
    records INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    -- the id of what it made: a record, a delivery, a run of http sends, a file
    output INTEGER,
    -- the ids that it found; how many of those that it acts on are done
    found BLOB,
    position INTEGER,
    error_code TEXT,
    error_ja TEXT,
    error_en TEXT,
    -- for how many items it stands; if for several, their ids: differences as varints
    items INTEGER NOT NULL DEFAULT 1,
    units BLOB,
    PRIMARY KEY (job_id, item, part)
) STRICT, WITHOUT ROWID;
-- When automations are started by their timers.
CREATE TABLE renkei_automation_timer (
    automation_id INTEGER PRIMARY KEY,
    database_id INTEGER NOT NULL,
    next_at INTEGER NOT NULL
) STRICT;
CREATE INDEX renkei_automation_timer_next ON renkei_automation_timer (next_at);
-- What notice mails have done so far.
CREATE TABLE renkei_notice_mail (
    notice_id INTEGER PRIMARY KEY REFERENCES renkei_definition (id),
    -- changes that were told, and mails that were queued for that
    told INTEGER NOT NULL DEFAULT 0,
    mails INTEGER NOT NULL DEFAULT 0,
    last_at INTEGER,
    failed INTEGER NOT NULL DEFAULT 0,
    error_code TEXT,
    error_ja TEXT,
    error_en TEXT
) STRICT;
