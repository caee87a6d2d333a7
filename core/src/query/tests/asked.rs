//! Questions as people write them, and what is wrong with wrong ones.

use super::model::thing;
use crate::{
    id::EntityId,
    query::{Filter, Query, backlinks, conflicted, field, is, text},
    record::Life,
    schema::Schema,
    value::{Finite, Value},
};

const OTHER: &str = r#"
    kind = "other"
    version = 1
    [record.fields]
    name = "lww int"
    level = { rule = "lww", choices = ["mid", "top"] }
    extra = "lww bool"
    place = { rule = "group", fields = { lat = "float" } }
    note = "open text"
"#;

fn other() -> Schema {
    Schema::parse(OTHER).unwrap()
}

/// The filter that words say.
fn said(words: &str) -> Filter {
    let query = Query::kind("thing").words(words, [&thing()]);
    query
        .unwrap_or_else(|error| panic!("{words}: {error}"))
        .filter
        .unwrap()
}

#[test]
fn words_say_what_filters_say() {
    let id = "ab".repeat(32);
    let entity = EntityId::parse(&id).unwrap();
    let float = |number| Value::Float(Finite::new(number).unwrap());
    for (words, filter) in [
        ("whole=1", field("whole").eq(1)),
        ("whole=1.5", field("whole").eq(float(1.5))),
        ("float>=-2", field("float").at_least(-2)),
        ("name=weir", field("name").eq("weir")),
        ("name=\"\"", field("name").eq("")),
        (
            r#"name="a \"b\" \\ (c)""#,
            field("name").eq(r#"a "b" \ (c)"#),
        ),
        ("name=a=b<c", field("name").eq("a=b<c")),
        ("name!=weir", field("name").ne("weir")),
        ("name~Weir", field("name").has_text("Weir")),
        ("level<=mid", field("level").at_most("mid")),
        (
            "labels~\"at the weir\"",
            field("labels").contains("at the weir"),
        ),
        ("done=yes", field("done").eq(true)),
        (
            "plan.due<2026-12-01",
            field("plan.due").below(Value::Time(1_796_083_200_000)),
        ),
        ("@updated>5", field("@updated").above(Value::Time(5))),
        (
            "@part.billing.cents<0",
            field("@part.billing.cents").below(0),
        ),
        ("@log.talk>3", field("@log.talk").above(3)),
        (
            "@author=0aFf",
            field("@author").eq(Value::Bytes(vec![0x0a, 0xff])),
        ),
        ("text:weir", text("weir")),
        ("text:\"a weir\"", text("a weir")),
        ("set:plan.due", field("plan.due").is_set()),
        ("is:conflicted", conflicted()),
        ("is:recovered", is(Life::Recovered)),
        (&format!("links:{id}"), backlinks(entity)),
        (
            " whole=1  done=no ",
            field("whole").eq(1) & field("done").eq(false),
        ),
        (
            "whole=1 and done=no",
            field("whole").eq(1) & field("done").eq(false),
        ),
        (
            "whole=1 or whole=2 done=no",
            field("whole").eq(1) | (field("whole").eq(2) & field("done").eq(false)),
        ),
        (
            "(whole=1 or whole=2)done=no",
            (field("whole").eq(1) | field("whole").eq(2)) & field("done").eq(false),
        ),
        (
            "not (whole=1 or not done=no)",
            !(field("whole").eq(1) | !field("done").eq(false)),
        ),
    ] {
        assert_eq!(said(words), filter, "{words}");
    }
}

#[test]
fn no_words_filter_nothing_and_words_about_deleted_ones_show_them() {
    let words = |words| Query::kind("thing").words(words, [&thing()]).unwrap();
    assert_eq!(words("  "), Query::kind("thing"));
    assert!(words("is:deleted").deleted);
    assert!(!words("is:alive").deleted);
}

#[test]
fn wrong_words_are_told_where_and_how_to_mend_them() {
    let deep = format!("{}whole=1", "not ".repeat(65));
    for (words, wanted) in [
        ("whole", "5 query-words-operator"),
        ("=1", "0 query-words-condition"),
        ("whole=1 or", "10 query-words-condition"),
        ("not", "3 query-words-condition"),
        ("whole=", "6 query-words-value"),
        ("whole= done=yes", "6 query-words-value"),
        ("name=\"weir", "5 query-words-quotes"),
        ("name=\"weir\\", "5 query-words-quotes"),
        ("name=\"weir\"x", "11 query-words-quotes"),
        ("(whole=1", "0 query-words-bracket"),
        ("whole=1)", "7 query-words-bracket"),
        (&deep, "256 query-words-deep"),
        ("links:ab", "6 query-words-entity"),
        ("is:deletd", "3 query-words-state"),
        ("txt:weir", "3 query-words-operator"),
        ("done=yes wole=1", "9 query-field-unknown"),
        ("set:wole", "4 query-field-unknown"),
        ("ä=1", "0 query-field-unknown"),
        ("whole=one", "6 query-value"),
        ("whole>\"\"", "6 query-value"),
        ("plan.due<soon", "9 query-value"),
        ("level=hihg", "6 query-choice"),
        ("labels=weir", "0 query-several"),
        ("plan=1", "0 query-several"),
        ("plan~x", "0 query-no-text"),
        ("whole~x", "0 query-no-text"),
    ] {
        let error = Query::kind("thing").words(words, [&thing()]).unwrap_err();
        assert_eq!(format!("{} {}", error.at, error.code()), wanted, "{words}");
    }
    let message = |words| {
        let error = Query::kind("thing").words(words, [&thing()]).unwrap_err();
        error.to_string()
    };
    assert_eq!(
        message("wole=1"),
        "at byte 0: there is no field `wole`: did you mean `whole`?"
    );
    assert_eq!(
        message("level=hihg"),
        "at byte 6: `hihg` is none of the words of `level`: did you mean `high`?"
    );
    assert_eq!(
        message("is:deletd"),
        "at byte 3: there is no state `deletd`, did you mean `deleted`?: alive, recovered, deleted or \
         conflicted"
    );
}

#[test]
fn a_question_is_held_against_the_schema() {
    let code = |query: Query| match query.check([&thing(), &other()]) {
        Ok(_) => "fine",
        Err(error) => error.code(),
    };
    let thing = |filter| Query::kind("thing").filter(filter);
    for (query, wanted) in [
        (Query::kind("thnig"), "query-kind-unknown"),
        (thing(field("wole").eq(1)), "query-field-unknown"),
        (thing(field("extra").eq(true)), "query-field-unknown"),
        (thing(field("whole").eq("one")), "query-type"),
        (thing(field("name").eq(1)), "query-type"),
        (thing(field("whole").eq(Value::Null)), "query-type"),
        (thing(field("level").eq("hihg")), "query-choice"),
        (thing(field("labels").eq("weir")), "query-several"),
        (thing(field("name").contains("weir")), "query-single"),
        (thing(field("whole").has_text("1")), "query-no-text"),
        (thing(field("plan.due").below("soon")), "query-value"),
        (thing(field("plan.due").below("2026-12-01")), "fine"),
        (thing(field("plan").is_set()), "fine"),
        (thing(field("plan").eq(1)), "query-several"),
        (
            thing(!(field("wole").eq(1) | conflicted())),
            "query-field-unknown",
        ),
        (Query::kind("thing").order_by("labels"), "query-several"),
        (
            Query::kind("thing").order_by("@body").then("@log.talk"),
            "fine",
        ),
        (
            Query::kind("thing").order_by("@log.tlak"),
            "query-field-unknown",
        ),
        (
            Query::kind("thing").order_by("whole.deeper"),
            "query-field-unknown",
        ),
        (Query::kind("other").order_by("place.lat"), "fine"),
        (Query::kind("other").order_by("place"), "query-several"),
        (Query::kind("other").order_by("note.a.b"), "fine"),
        (Query::any().filter(field("extra").eq(true)), "fine"),
        (
            Query::any().filter(field("name").eq("x")),
            "query-field-differs",
        ),
        (Query::any().filter(field("level").eq("top")), "fine"),
    ] {
        assert_eq!(code(query.clone()), wanted, "{query:?}");
    }
}

#[test]
fn a_misspelt_name_is_told_what_was_probably_meant() {
    let message = |query: Query| query.check([&thing(), &other()]).unwrap_err().to_string();
    assert_eq!(
        message(Query::kind("thnig")),
        "there is no kind `thnig`: did you mean `thing`?"
    );
    for (name, meant) in [
        ("plan.deu", "plan.due"),
        ("@log.tlak", "@log.talk"),
        ("@upated", "@updated"),
        ("@part.billing.cent", "@part.billing.cents"),
    ] {
        assert_eq!(
            message(Query::kind("thing").order_by(name)),
            format!("there is no field `{name}`: did you mean `{meant}`?")
        );
    }
}
