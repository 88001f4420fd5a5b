//! Which part of a volume a container sees: `makeMounts` in `pkg/kubelet/kubelet_pods.go` and
//! `ExpandContainerVolumeMounts` in `pkg/kubelet/container/helpers.go` of kubernetes/kubernetes.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::VolumeMount;

/// The path below the volume, if the mount names one, with its variables filled in; the error is the message
/// of `CreateContainerConfigError`.
pub fn sub_path(mount: &VolumeMount, variables: &BTreeMap<String, String>) -> Result<Option<String>, String> {
    let expression = mount.sub_path_expr.as_deref().filter(|expression| !expression.is_empty());
    let path = match expression {
        Some(expression) => filled_in(expression, variables)?,
        None => mount.sub_path.clone().unwrap_or_default(),
    };
    if path.is_empty() {
        return Ok(None);
    }
    if path.starts_with('/') {
        return Err(format!("error SubPath `{path}` must not be an absolute path"));
    }
    if path.split('/').any(|part| part == "..") {
        return Err(format!("unable to provision SubPath `{path}`: must not contain '..'"));
    }
    Ok(Some(path))
}

/// The text with each `$(NAME)` filled in; a variable that is not there is an error here.
fn filled_in(text: &str, variables: &BTreeMap<String, String>) -> Result<String, String> {
    let missing = std::cell::RefCell::new(Vec::new());
    let filled = crate::kubelet::environment::expand_by(text, |name| {
        let value = variables.get(name);
        if value.is_none() {
            missing.borrow_mut().push(format!("missing value for {name:?}"));
        }
        value
    });
    match missing.into_inner().as_slice() {
        [] => Ok(filled),
        [one] => Err(one.clone()),
        many => Err(format!("[{}]", many.join(", "))),
    }
}

/// Where a container sees a mount: absolute, without doubled or trailing slashes and without steps up.
pub fn mount_path(mount: &VolumeMount) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in mount.mount_path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sub_paths_should_stay_below_their_volume() {
        let variables = BTreeMap::from([
            ("POD".to_owned(), "web-0".to_owned()),
            ("UP".to_owned(), "..".to_owned()),
            ("ROOT".to_owned(), "/etc".to_owned()),
        ]);
        let cases = [
            ("", "", Ok(None)),
            ("data/a", "", Ok(Some("data/a"))),
            ("", "logs/$(POD)", Ok(Some("logs/web-0"))),
            ("", "$$(POD)", Ok(Some("$(POD)"))),
            ("", "$(NONE)/$(POD)", Err("missing value for \"NONE\"")),
            ("", "$(A)$(B)", Err("[missing value for \"A\", missing value for \"B\"]")),
            ("", "a/$(UP)/b", Err("unable to provision SubPath `a/../b`: must not contain '..'")),
            ("", "$(ROOT)", Err("error SubPath `/etc` must not be an absolute path")),
        ];
        for (path, expression, expected) in cases {
            let mount = VolumeMount {
                sub_path: Some(path.to_owned()),
                sub_path_expr: Some(expression.to_owned()),
                ..VolumeMount::default()
            };
            let found = sub_path(&mount, &variables);
            let found = found.as_ref().map(|path| path.as_deref()).map_err(String::as_str);
            assert_eq!(found, expected, "{path:?} {expression:?}");
        }
    }

    #[test]
    fn mount_paths_should_be_made_plain() {
        for (path, expected) in [("/a//b/", "/a/b"), ("data", "/data"), ("/a/../../b/.", "/b"), ("/", "/")] {
            let mount = VolumeMount { mount_path: path.to_owned(), ..VolumeMount::default() };
            assert_eq!(mount_path(&mount), expected, "{path}");
        }
    }
}
