//! The Web API through its dispatcher, as clients see it.

mod access;
mod clients;
mod envelope;
mod exports;
mod fixture;
mod hostile;
mod imports;
mod records;
