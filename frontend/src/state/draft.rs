//! The text in the editor: its documents, and what is wrong with them before anything is sent.

use serde_json::Value;
use shared::yaml::{self, Document, YamlError};

use super::judgement::judge;
use super::object::text;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The server would refuse.
    Error,
    /// The server would take it, and it is probably not what was meant.
    Warning,
}

/// Something wrong in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The message, as kubectl or the API server words it.
    pub message: String,
    /// Line and column where it begins, from 1.
    pub from: (usize, usize),
    /// Line and column behind its end.
    pub to: (usize, usize),
}

/// What the text says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    /// The documents, none where the text is not YAML.
    pub documents: Vec<Document>,
    /// What is wrong, in the order of the text.
    pub problems: Vec<Problem>,
}

impl Draft {
    /// Reads a text.
    pub fn read(text: &str) -> Draft {
        let documents = match yaml::parse(text) {
            Ok(documents) => documents,
            Err(errors) => {
                return Draft { documents: vec![], problems: errors.iter().map(unreadable).collect() };
            }
        };
        let mut problems: Vec<_> = documents.iter().flat_map(judge).collect();
        problems.sort_by_key(|problem| problem.from);
        Draft { documents, problems }
    }

    /// Whether the server would refuse.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// Whether there is something to send.
    pub fn is_ready(&self) -> bool {
        !self.documents.is_empty() && !self.has_errors()
    }

    /// The values of the documents.
    pub fn values(&self) -> Vec<Value> {
        self.documents.iter().map(|document| document.value.clone()).collect()
    }

    /// The first Pod of the text.
    pub fn pod(&self) -> Option<&Value> {
        let is_pod = |value: &&Value| text(value, "/kind") == "Pod" && text(value, "/apiVersion") == "v1";
        self.documents.iter().map(|document| &document.value).find(is_pod)
    }
}

fn unreadable(error: &YamlError) -> Problem {
    let from = (error.line, error.column);
    Problem {
        severity: Severity::Error,
        message: error.message.clone(),
        from,
        to: (error.line, error.column + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_text_should_be_marked_at_its_line() {
        let draft = Draft::read("apiVersion: v1\nkind: Pod\nmetadata:\n  name: [web\n");
        assert!(!draft.is_ready());
        assert!(draft.problems[0].from.0 >= 4, "{:?}", draft.problems);
    }

    #[test]
    fn a_key_that_stands_twice_should_be_marked_where_it_stands_again() {
        let draft = Draft::read("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  name: b\n");
        assert_eq!(draft.problems.len(), 1);
        assert_eq!(draft.problems[0].message, "duplicate field \"metadata.name\"");
        assert_eq!((draft.problems[0].from, draft.problems[0].to), ((5, 3), (5, 7)));
    }

    #[test]
    fn a_text_should_be_marked_where_the_server_would_object() {
        let pod = |rest: &str| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: c\n{rest}"
            )
        };
        let table = [
            (
                "metadata:\n  name: a\n".to_owned(),
                vec![(1, "Object 'Kind' is missing"), (1, "apiVersion not set")],
            ),
            (
                pod("    imagee: nginx\n    image: nginx\n"),
                vec![(8, "unknown field \"spec.containers[0].imagee\"")],
            ),
            (pod("    ports: []\n"), vec![(7, "spec.containers[0].image: Required value")]),
            (
                pod("    image: nginx\n    ports: no\n"),
                vec![(
                    9,
                    "Pod in version \"v1\" cannot be handled as a Pod: json: cannot unmarshal bool into Go struct field Container.spec.containers.ports of type []v1.ContainerPort",
                )],
            ),
            (
                pod("    image: nginx\n  restartPolicy: Sometimes\n"),
                vec![(
                    9,
                    "spec.restartPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", \"OnFailure\", \"Never\"",
                )],
            ),
        ];
        for (text, expected) in table {
            let problems = Draft::read(&text).problems;
            let found: Vec<_> =
                problems.iter().map(|problem| (problem.from.0, problem.message.as_str())).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn a_name_that_the_server_will_make_should_not_be_missed() {
        let draft = Draft::read("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  generateName: web-\n");
        assert_eq!(draft.problems, []);
    }

    #[test]
    fn what_the_server_completes_should_not_be_marked() {
        for text in [
            "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata:\n  k: |\n    aGVs\n    bG8=\n",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: }\n",
            "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  type: LoadBalancer\n  externalTrafficPolicy: Local\n  ports: [{port: 80}]\n",
        ] {
            let draft = Draft::read(text);
            assert!(draft.is_ready(), "{text}{:?}", draft.problems);
        }
    }

    #[test]
    fn a_kind_nobody_knows_should_be_a_warning_that_does_not_forbid_to_send() {
        let draft = Draft::read("apiVersion: v1\nkind: Gizmo\nmetadata:\n  name: a\n");
        assert_eq!(draft.problems[0].message, "no matches for kind \"Gizmo\" in version \"v1\"");
        assert!(draft.is_ready());
    }

    #[test]
    fn every_example_should_be_free_of_problems() {
        for example in crate::state::examples::ALL {
            let draft = Draft::read(example.text);
            assert_eq!(draft.problems, [], "{}", example.slug);
            assert!(draft.is_ready());
        }
    }
}
