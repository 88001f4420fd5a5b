use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelectorRequirement;
use proptest::prelude::*;

use super::*;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

#[test]
fn selectors_should_be_read_and_written_as_upstream_does() {
    for (text, canonical) in [
        ("", ""),
        ("x=a,y=b,z=c", "x=a,y=b,z=c"),
        ("x==a", "x==a"),
        ("z=c,x!=a", "x!=a,z=c"),
        ("x", "x"),
        ("!x", "!x"),
        ("x,!y", "x,!y"),
        ("x in (c, a ,b)", "x in (a,b,c)"),
        ("x notin (a)", "x notin (a)"),
        ("x in ()", "x in ()"),
        ("x in (,a)", "x in (,a)"),
        ("x in (a,,b)", "x in (,a,b)"),
        ("x in (a,a)", "x in (a)"),
        ("x=", "x="),
        ("x=,z", "x=,z"),
        ("x>1,y<7", "x>1,y<7"),
        ("in in (in)", "in in (in)"),
        (" x = a ", "x=a"),
        ("example.com/x=a", "example.com/x=a"),
    ] {
        assert_eq!(
            text.parse::<Selector>().map(|selector| selector.to_string()),
            Ok(canonical.to_owned()),
            "{text}"
        );
    }
}

#[test]
fn malformed_selectors_should_be_refused_in_upstreams_words() {
    let name = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
    for (text, message) in [
        ("x=a||y=b", "unable to parse requirement: values[0][x]: Invalid value: \"a||y\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')".to_owned()),
        ("x==a==b", "found '==', expected: ',' or 'end of string'".to_owned()),
        ("!x=a", "found '=', expected: ',' or 'end of string'".to_owned()),
        ("x<a", "unable to parse requirement: values[0]: Invalid value: \"a\": for 'Gt', 'Lt' operators, the value must be an integer".to_owned()),
        ("=a", "found '=', expected: !, identifier, or 'end of string'".to_owned()),
        ("a,", "found '', expected: identifier after ','".to_owned()),
        ("x y", "unable to parse requirement: found 'y', expected: in, notin, =, ==, !=, gt, lt".to_owned()),
        ("x in a", "unable to parse requirement: found 'a' expected: '('".to_owned()),
        ("x in (a", "unable to parse requirement: found '', expected: ',' or ')'".to_owned()),
        ("!", "unable to parse requirement: found '', expected: identifier".to_owned()),
        ("_x=a", format!("unable to parse requirement: <nil>: Invalid value: \"_x\": name part {name}")),
        ("a/b/c", format!("unable to parse requirement: <nil>: Invalid value: \"a/b/c\": a valid label key {name} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')")),
    ] {
        assert_eq!(text.parse::<Selector>(), Err(SelectorError(message)), "{text}");
    }
}

#[test]
fn selectors_should_match_by_their_operators() {
    let object = labels(&[("app", "web"), ("tier", "front"), ("n", "5")]);
    for (text, expected) in [
        ("", true),
        ("app=web", true),
        ("app=web,tier=back", false),
        ("app!=web", false),
        ("missing!=web", true),
        ("app in (web,db)", true),
        ("app notin (web,db)", false),
        ("missing notin (a)", true),
        ("app", true),
        ("!app", false),
        ("!missing", true),
        ("n>4", true),
        ("n<5", false),
        ("app>4", false),
        ("missing>4", false),
    ] {
        assert_eq!(text.parse::<Selector>().unwrap().matches(&object), expected, "{text}");
    }
    assert!(!Selector::nothing().matches(&object));
}

#[test]
fn a_label_selector_should_become_the_same_requirements() {
    let expression = |operator: &str, values: &[&str]| LabelSelectorRequirement {
        key: "tier".to_owned(),
        operator: operator.to_owned(),
        values: Some(values.iter().map(|value| value.to_string()).collect()),
    };
    let selector = |expressions: Vec<LabelSelectorRequirement>| LabelSelector {
        match_labels: Some(labels(&[("app", "web")])),
        match_expressions: Some(expressions),
    };
    let read = |expressions| {
        Selector::from_label_selector(Some(&selector(expressions))).map(|selector| selector.to_string())
    };
    assert_eq!(read(vec![]).as_deref(), Ok("app=web"));
    assert_eq!(read(vec![expression("In", &["b", "a"])]).as_deref(), Ok("app=web,tier in (a,b)"));
    assert_eq!(read(vec![expression("DoesNotExist", &[])]).as_deref(), Ok("app=web,!tier"));
    for (operator, values, message) in [
        ("Gt", &["1"][..], "\"Gt\" is not a valid label selector operator"),
        ("In", &[], "values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty"),
        (
            "Exists",
            &["a"],
            "values: Invalid value: [\"a\"]: values set must be empty for exists and does not exist",
        ),
    ] {
        assert_eq!(read(vec![expression(operator, values)]), Err(SelectorError(message.to_owned())));
    }
    assert!(Selector::from_label_selector(None).unwrap().is_nothing());
    assert!(Selector::from_label_selector(Some(&LabelSelector::default())).unwrap().is_everything());
}

proptest! {
    #[test]
    fn a_selector_written_should_be_read_back(text in "[a-z]( in \\([a-c](,[a-c]){0,2}\\)|=[a-c]|!=[a-c])?(,!?[x-z]){0,2}") {
        let selector: Selector = text.parse().unwrap();
        prop_assert_eq!(selector.to_string().parse::<Selector>(), Ok(selector));
    }

    #[test]
    fn reading_should_never_panic(text in ".{0,24}") {
        let _ = text.parse::<Selector>();
    }
}
