//! What components share: contexts and effects.

mod use_clock;
mod use_cluster;
mod use_decision;
mod use_decoded;
mod use_draft;
mod use_led_to;
mod use_log;
mod use_picture;
mod use_preferences;
mod use_sender;
mod use_terminal;
mod use_ui;

pub use use_clock::use_clock;
pub use use_cluster::{ClusterContext, ClusterProvider, use_cluster};
pub use use_decision::use_decision;
pub use use_decoded::SharedDecoded;
pub use use_draft::{DraftState, use_draft};
pub use use_led_to::{LedTo, use_led_to};
pub use use_log::{LogState, use_log};
pub use use_picture::use_picture;
pub use use_preferences::{PreferencesContext, PreferencesProvider, Theme, use_preferences, use_words};
pub use use_sender::{Sender, Sending, use_sender};
pub use use_terminal::{Phase, TerminalState, use_terminal};
pub use use_ui::{UiContext, UiProvider, use_ui};
