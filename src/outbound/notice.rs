//! What a host may want to be told of at once.

/// Something that happened to deliveries, told after it was written; see [`Worker::on_notice`](crate::Worker::on_notice).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// A delivery was given up: a dead letter.
    Failed {
        /// The delivery.
        delivery: i64,
        /// Who made it, such as `host`, `csv_push` or `http_send`.
        kind: String,
        /// Why, in English.
        why: String,
    },
    /// A target has failed so often in a row that it is left alone for a while.
    CircuitOpened {
        /// Its code, or its origin.
        target: String,
        /// The failures in a row.
        failures: u32,
        /// The last one, in English.
        why: String,
    },
    /// A target that had failed has answered again.
    CircuitClosed {
        /// Its code, or its origin.
        target: String,
    },
    /// A target has failed for so long that nothing is sent to it until it is enabled by
    /// [`Store::enable_target`](crate::Store::enable_target).
    TargetDisabled {
        /// Its code, or its origin.
        target: String,
        /// The last failure, in English.
        why: String,
    },
}

impl Notice {
    pub(super) fn log(&self) {
        match self {
            Notice::Failed { delivery, kind, why } => log::warn!("delivery {delivery} ({kind}) failed for good: {why}"),
            Notice::CircuitOpened { target, failures, why } => {
                log::warn!("{target} failed {failures} times in a row and is left alone for a while: {why}");
            }
            Notice::CircuitClosed { target } => log::info!("{target} answers again"),
            Notice::TargetDisabled { target, why } => log::error!("{target} was disabled: {why}"),
        }
    }
}
