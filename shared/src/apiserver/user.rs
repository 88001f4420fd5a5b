//! Who asks.

use std::collections::BTreeMap;

/// The group whose members may do everything.
pub const MASTERS: &str = "system:masters";
/// The group of everyone who proved who they are.
pub const AUTHENTICATED: &str = "system:authenticated";
/// The group of all kubelets.
pub const NODES: &str = "system:nodes";
/// What precedes a node's name in its kubelet's user name.
pub const NODE_PREFIX: &str = "system:node:";

/// An authenticated user, as upstream's `user.Info`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// The user name, for example `system:kube-scheduler`.
    pub name: String,
    /// The groups that the user belongs to.
    pub groups: Vec<String>,
    /// What tells apart users of the same name, empty where nothing does.
    pub uid: String,
    /// What else is known of the user.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// A user in these groups, and in the one of everyone authenticated.
    pub fn new(name: &str, groups: &[&str]) -> User {
        let mut groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
        if !groups.iter().any(|group| group == AUTHENTICATED) {
            groups.push(AUTHENTICATED.to_owned());
        }
        User { name: name.to_owned(), groups, ..User::default() }
    }

    /// The kubelet of a node.
    pub fn node(node: &str) -> User {
        User::new(&format!("{NODE_PREFIX}{node}"), &[NODES])
    }

    /// Whether the user belongs to `group`.
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|own| own == group)
    }

    /// The node whose kubelet this is.
    pub fn node_name(&self) -> Option<&str> {
        self.name.strip_prefix(NODE_PREFIX).filter(|_| self.is_in(NODES))
    }
}

/// Who asks, and from where.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The authenticated user.
    pub user: User,
    /// The program's own name for itself.
    pub user_agent: String,
    /// Where the connection came from, empty inside the process.
    pub source_ip: String,
}

impl Caller {
    /// A component of this process.
    pub fn component(user: User, user_agent: &str) -> Caller {
        Caller { user, user_agent: user_agent.to_owned(), source_ip: String::new() }
    }
}
