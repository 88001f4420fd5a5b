//! Line icons, 24 by 24, drawn in the colour of the text around them.

use shared::topology::PodState;
use yew::prelude::*;

/// What an icon shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Glyph {
    /// A pod waits for a node.
    Hourglass,
    /// Something is being made.
    Progress,
    /// Something runs but is not ready.
    HalfCircle,
    /// Something runs.
    Play,
    /// Something is done.
    Check,
    /// Something is wrong.
    Warning,
    /// Something ends.
    Stop,
    /// A package that does not come.
    Unpacked,
    /// Nobody knows.
    Question,
    /// A machine.
    Node,
    /// One name in front of several.
    Service,
    /// The helm of the control plane.
    Helm,
    /// Closes.
    Close,
    /// Leads out of the page.
    External,
    /// Begins anew.
    Replay,
    /// Deletes.
    Trash,
    /// Sends.
    Send,
    /// No connection.
    Offline,
    /// Light colours.
    Sun,
    /// Dark colours.
    Moon,
    /// The system's colours.
    Contrast,
    /// Copies.
    Copy,
}

impl Glyph {
    /// The icon of a pod's state.
    pub(super) fn of_pod(state: PodState) -> Glyph {
        match state {
            PodState::Pending => Glyph::Hourglass,
            PodState::ContainerCreating => Glyph::Progress,
            PodState::Running => Glyph::Play,
            PodState::NotReady => Glyph::HalfCircle,
            PodState::Succeeded => Glyph::Check,
            PodState::Failed => Glyph::Warning,
            PodState::CrashLoop => Glyph::Replay,
            PodState::ImagePullBackOff => Glyph::Unpacked,
            PodState::Terminating => Glyph::Stop,
            PodState::Unknown => Glyph::Question,
        }
    }

    fn path(self) -> &'static str {
        match self {
            Glyph::Hourglass => {
                "M7 3h10M7 21h10M8 3v3.5c0 2 4 3.5 4 5.5s-4 3.5-4 5.5V21M16 3v3.5c0 2-4 3.5-4 5.5s4 3.5 4 5.5V21"
            }
            Glyph::Progress => "M12 3a9 9 0 1 0 9 9",
            Glyph::HalfCircle => "M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18M12 3v18M15 4v16M18 6v12",
            Glyph::Play => "M8 5l11 7-11 7z",
            Glyph::Check => "M4.5 12.5l5 5 10-11",
            Glyph::Warning => "M12 3.5L22 20.5H2zM12 10v5M12 17.5v.5",
            Glyph::Stop => "M6 6h12v12H6z",
            Glyph::Unpacked => "M12 3v8M8.5 8L12 11.5 15.5 8M4 14h16v6H4zM9.5 15.5l5 3M14.5 15.5l-5 3",
            Glyph::Question => "M8.5 8.5a3.5 3.5 0 1 1 5 3.2c-1 .5-1.5 1.2-1.5 2.3M12 18v.5",
            Glyph::Node => "M4 5h16v6H4zM4 13h16v6H4zM7.5 8h.5M7.5 16h.5",
            Glyph::Service => "M2 12h6M8 8h3v8H8zM11 12h4M15 6h6v4h-6zM15 14h6v4h-6zM15 8h-2v8h2",
            Glyph::Helm => "M12 6a6 6 0 1 0 0 12a6 6 0 1 0 0-12M12 2v20M2 12h20M5 5l14 14M19 5L5 19",
            Glyph::Close => "M6 6l12 12M18 6L6 18",
            Glyph::External => "M14 4h6v6M20 4l-9 9M18 14v5a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V7a1 1 0 0 1 1-1h5",
            Glyph::Replay => "M4 12a8 8 0 1 0 2.5-5.800M4 4v5h5",
            Glyph::Trash => "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
            Glyph::Send => "M4 12h15M13 6l6 6-6 6",
            Glyph::Offline => {
                "M3 3l18 18M5 12.5a10 10 0 0 1 4-2.5M15 10a10 10 0 0 1 4 2.5M8.5 16a5 5 0 0 1 7 0M12 19.5v.5"
            }
            Glyph::Sun => {
                "M12 8a4 4 0 1 0 0 8a4 4 0 1 0 0-8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M19 5l-1.4 1.4M6.4 17.6L5 19"
            }
            Glyph::Moon => "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z",
            Glyph::Contrast => "M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18M12 3v18M12 7l5.5 0M12 12h9M12 17h5.5",
            Glyph::Copy => "M8 8h12v12H8zM16 8V4H4v12h4",
        }
    }
}

/// Properties of [`Icon`].
#[derive(Properties, PartialEq)]
pub(super) struct IconProps {
    /// What to show.
    pub glyph: Glyph,
}

/// An icon beside a text that says the same, so hidden from screen readers.
#[component]
pub(super) fn Icon(props: &IconProps) -> Html {
    html! {
        <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d={props.glyph.path()} /></svg>
    }
}
