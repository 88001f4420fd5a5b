//! What the user has chosen to see.

use super::object::ObjectKey;

/// The selected object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// A pod.
    Pod(ObjectKey),
    /// A node.
    Node(ObjectKey),
    /// A Service.
    Service(ObjectKey),
}

impl Selection {
    /// The tabs of its details, in their order.
    pub fn tabs(&self) -> &'static [DetailsTab] {
        match self {
            Selection::Pod(_) => &DetailsTab::OF_POD,
            Selection::Node(_) | Selection::Service(_) => &DetailsTab::OF_OTHERS,
        }
    }
}

/// The tabs of the details.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DetailsTab {
    /// Conditions, containers, addresses.
    #[default]
    Status,
    /// What components reported.
    Events,
    /// What the containers print.
    Logs,
    /// A program in a container, at a terminal.
    Terminal,
    /// How the pod came to run, step by step.
    Life,
    /// The object itself.
    Yaml,
}

impl DetailsTab {
    /// The tabs of a pod, in their order.
    const OF_POD: [DetailsTab; 6] = [
        DetailsTab::Status,
        DetailsTab::Life,
        DetailsTab::Logs,
        DetailsTab::Terminal,
        DetailsTab::Events,
        DetailsTab::Yaml,
    ];
    /// Those of a node or a Service, in their order.
    const OF_OTHERS: [DetailsTab; 3] = [DetailsTab::Status, DetailsTab::Events, DetailsTab::Yaml];

    /// The tab's name in addresses and translations.
    pub fn slug(self) -> &'static str {
        match self {
            DetailsTab::Status => "status",
            DetailsTab::Events => "events",
            DetailsTab::Logs => "logs",
            DetailsTab::Terminal => "terminal",
            DetailsTab::Life => "life",
            DetailsTab::Yaml => "yaml",
        }
    }

    /// The tab of a name.
    pub fn from_slug(slug: &str) -> Option<DetailsTab> {
        DetailsTab::OF_POD.into_iter().find(|tab| tab.slug() == slug)
    }
}

/// The parts of the page, of which a narrow screen shows one at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pane {
    /// The YAML editor.
    #[default]
    Editor,
    /// The topology.
    Cluster,
    /// The selected object.
    Details,
}

impl Pane {
    /// All panes, in their order.
    pub const ALL: [Pane; 3] = [Pane::Editor, Pane::Cluster, Pane::Details];

    /// The pane's name in style sheets and translations.
    pub fn slug(self) -> &'static str {
        match self {
            Pane::Editor => "editor",
            Pane::Cluster => "cluster",
            Pane::Details => "details",
        }
    }
}

/// Which pods the picture shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NamespaceFilter {
    /// All, and of `kube-system` what runs on the control plane.
    #[default]
    Usual,
    /// All of them.
    Everything,
    /// Those of one namespace.
    Only(String),
}

impl NamespaceFilter {
    /// Whether a pod of `namespace` is shown, on a node of the control plane or not.
    pub fn shows(&self, namespace: &str, on_control_plane: bool) -> bool {
        match self {
            NamespaceFilter::Usual => namespace != "kube-system" || on_control_plane,
            NamespaceFilter::Everything => true,
            NamespaceFilter::Only(only) => namespace == only,
        }
    }
}

/// What the user has chosen to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ui {
    /// The selected object.
    pub selection: Option<Selection>,
    /// The open tab of the details.
    pub tab: DetailsTab,
    /// The part that a narrow screen shows.
    pub pane: Pane,
    /// Which pods the picture shows.
    pub namespaces: NamespaceFilter,
}

/// A choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UiAction {
    /// Look at an object; the open tab stays where it fits.
    Select(Selection),
    /// Look at an object at a tab.
    Open(Selection, DetailsTab),
    /// An object was applied: select it and show the picture it appears in.
    Applied(Selection),
    /// Look at nothing.
    Deselect,
    /// Open a tab of the details.
    Tab(DetailsTab),
    /// Show a part on a narrow screen.
    Pane(Pane),
    /// Show the pods of other namespaces.
    Namespaces(NamespaceFilter),
}

impl Ui {
    /// The state after a choice.
    pub fn after(&self, action: UiAction) -> Ui {
        let mut next = self.clone();
        match action {
            UiAction::Select(selection) => next.select(selection, self.tab),
            UiAction::Open(selection, tab) => next.select(selection, tab),
            UiAction::Applied(selection) => {
                next.select(selection, self.tab);
                next.pane = Pane::Cluster;
            }
            UiAction::Deselect => {
                next.selection = None;
                next.pane = if self.pane == Pane::Details { Pane::Cluster } else { self.pane };
            }
            UiAction::Tab(tab) => next.tab = tab,
            UiAction::Pane(pane) => next.pane = pane,
            UiAction::Namespaces(filter) => next.namespaces = filter,
        }
        next
    }

    fn select(&mut self, selection: Selection, tab: DetailsTab) {
        self.tab = if selection.tabs().contains(&tab) { tab } else { DetailsTab::default() };
        self.selection = Some(selection);
        self.pane = Pane::Details;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selecting_a_node_should_leave_a_tab_that_only_pods_have() {
        let pod = Selection::Pod(ObjectKey::new("default", "web"));
        let node = Selection::Node(ObjectKey::new("", "node-1"));
        let ui = Ui::default().after(UiAction::Open(pod, DetailsTab::Logs)).after(UiAction::Select(node));
        assert_eq!((ui.tab, ui.pane), (DetailsTab::Status, Pane::Details));
    }

    #[test]
    fn closing_the_details_should_lead_back_to_the_cluster() {
        let pod = Selection::Pod(ObjectKey::new("default", "web"));
        let ui = Ui::default().after(UiAction::Select(pod)).after(UiAction::Deselect);
        assert_eq!((ui.selection, ui.pane), (None, Pane::Cluster));
    }

    #[test]
    fn the_usual_filter_should_show_system_pods_on_the_control_plane_only() {
        let shows = |filter: NamespaceFilter| {
            [("default", false), ("kube-system", true), ("kube-system", false)]
                .map(|(ns, cp)| filter.shows(ns, cp))
        };
        assert_eq!(shows(NamespaceFilter::Usual), [true, true, false]);
        assert_eq!(shows(NamespaceFilter::Everything), [true, true, true]);
        assert_eq!(shows(NamespaceFilter::Only("kube-system".into())), [false, true, true]);
    }
}
