//! Secrets: named in definitions and messages, kept sealed or by the host, put in when a message is sent.
