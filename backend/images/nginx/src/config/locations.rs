//! `location` blocks.

use std::rc::Rc;

use super::build::Builder;
use super::{Directive, Fault, Location, Matcher, Settings, rules};

/// The locations of a block, those within them inside.
pub(super) fn locations(
    block: &[Directive],
    settings: &Settings,
    builder: &Builder<'_>,
) -> Result<Vec<Rc<Location>>, Fault> {
    let is_location = |directive: &&Directive| directive.name == "location";
    let mut found: Vec<Rc<Location>> = Vec::new();
    for directive in block.iter().filter(is_location) {
        let location = location(directive, settings, builder)?;
        if let Some(text) = same(&found, &location.matcher) {
            return Err(directive.fault(&format!("duplicate location \"{text}\"")));
        }
        found.push(Rc::new(location));
    }
    Ok(found)
}

fn same(found: &[Rc<Location>], matcher: &Matcher) -> Option<String> {
    found.iter().find_map(|other| match (&other.matcher, matcher) {
        (Matcher::Prefix(one, _), Matcher::Prefix(two, _))
        | (Matcher::Exact(one), Matcher::Exact(two))
        | (Matcher::Named(one), Matcher::Named(two))
            if one == two =>
        {
            Some(one.clone())
        }
        _ => None,
    })
}

fn location(directive: &Directive, outer: &Settings, builder: &Builder<'_>) -> Result<Location, Fault> {
    let mut location = content(&directive.block, matcher(directive)?, outer, builder)?;
    location.nested = locations(&directive.block, &location.settings, builder)?;
    Ok(location)
}

/// What a block says about the requests that end in it.
pub(super) fn content(
    block: &[Directive],
    matcher: Matcher,
    outer: &Settings,
    builder: &Builder<'_>,
) -> Result<Location, Fault> {
    let find = |name: &str| block.iter().find(|directive| directive.name == name);
    let settings = outer.within(block, builder)?;
    let alias =
        find("alias").map(|directive| builder.script(directive, directive.argument(0))).transpose()?;
    let proxy = find("proxy_pass").map(|directive| builder.proxy_pass(directive, &matcher)).transpose()?;
    let try_files = match find("try_files") {
        Some(directive) => directive
            .arguments
            .iter()
            .map(|text| builder.script(directive, text))
            .collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    Ok(Location {
        matcher,
        settings,
        rules: rules::rules(block, builder)?,
        alias,
        try_files,
        proxy,
        is_internal: find("internal").is_some(),
        nested: Vec::new(),
    })
}

fn matcher(directive: &Directive) -> Result<Matcher, Fault> {
    let joined = |text: &str| {
        // `location =/a` is the same as `location = /a`.
        ["~*", "^~", "~", "="]
            .iter()
            .find_map(|sign| text.strip_prefix(sign).map(|rest| ((*sign).to_owned(), rest.to_owned())))
    };
    let (sign, text) = match directive.arguments.as_slice() {
        [text] => joined(text).unwrap_or_else(|| (String::new(), text.clone())),
        _ => (directive.argument(0).to_owned(), directive.argument(1).to_owned()),
    };
    Ok(match sign.as_str() {
        "" if text.starts_with('@') => Matcher::Named(text),
        "" => Matcher::Prefix(text, false),
        "^~" => Matcher::Prefix(text, true),
        "=" => Matcher::Exact(text),
        "~" | "~*" => Matcher::Pattern(rules::pattern(directive, &text, sign == "~*")?),
        other => return Err(directive.fault(&format!("invalid location modifier \"{other}\""))),
    })
}
