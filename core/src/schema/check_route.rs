//! The invariants of `route`: what a relay filters by must be small, single and seen by it.

use crate::{
    limits,
    schema::{
        MergeRule, Residency, SchemaFault, SchemaSpec, ValueType,
        check::{Faults, in_order, nearest_of, record_fields, too_many},
    },
};

/// The largest `max` of a routed text: so many UTF-16 units never exceed the bytes of a header's
/// route value, since no unit takes more than three bytes of UTF-8.
pub(crate) const ROUTE_UNITS_MAX: u32 = limits::ROUTE_BYTES_MAX as u32 / 3;

pub(crate) fn route(faults: &mut Faults, spec: &SchemaSpec) {
    if spec.route.len() > limits::ROUTES_MAX {
        let count = spec.route.len();
        faults.push("route", too_many("route fields", count, limits::ROUTES_MAX));
    }
    in_order(faults, "route", &spec.route);
    let record = spec.parts.get("record");
    if !spec.route.is_empty() && record.is_some_and(|part| part.residency != Residency::Synced) {
        faults.push("route", SchemaFault::RouteUnseen);
    }
    let Some(fields) = record_fields(spec) else {
        return;
    };
    for field in &spec.route {
        let fault = match fields.get(field).map(|field| &field.rule) {
            None => Some(SchemaFault::RouteUnknown {
                field: field.clone(),
                nearest: nearest_of(field, fields.keys()),
            }),
            Some(MergeRule::Lww(value) | MergeRule::Keep(value) | MergeRule::Once(value)) => {
                let max = match value {
                    ValueType::Text { units_max } if *units_max > ROUTE_UNITS_MAX => {
                        Some(ROUTE_UNITS_MAX)
                    }
                    ValueType::Bytes { bytes_max }
                        if u64::from(*bytes_max) > limits::ROUTE_BYTES_MAX as u64 =>
                    {
                        Some(limits::ROUTE_BYTES_MAX as u32)
                    }
                    ValueType::Text { .. }
                    | ValueType::Bytes { .. }
                    | ValueType::Bool
                    | ValueType::Int { .. }
                    | ValueType::Float
                    | ValueType::Time
                    | ValueType::Choice(_)
                    | ValueType::Entity
                    | ValueType::Entry(_) => None,
                };
                max.map(|max| SchemaFault::RouteTooLong {
                    field: field.clone(),
                    max,
                })
            }
            Some(
                rule @ (MergeRule::Group(_)
                | MergeRule::Counter
                | MergeRule::Set(_)
                | MergeRule::List(_)
                | MergeRule::Append(_)
                | MergeRule::Text
                | MergeRule::Map(_)
                | MergeRule::Open(_)),
            ) => Some(SchemaFault::RouteRule {
                field: field.clone(),
                rule: rule.name(),
            }),
        };
        if let Some(fault) = fault {
            faults.push("route", fault);
        }
    }
}
