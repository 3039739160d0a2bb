//! Variants: responses stored under one key that were chosen by further fields of the request (RFC 9111 §4.1).
//!
//! What a key's responses vary by is the union of what each has said. A variant's own key is the full key, `;;`, and a
//! `name=value` for each of these fields, so that a response never answers a request that it was not chosen by, whoever
//! knows which names.

use http_semantics::{ContentCoding, Fields, Vary, list};

use crate::key::{Coding, write_variant_field};
use crate::{Policy, RoutePolicy};

/// The most names that the variants of one key differ by.
const MAX_NAMES: usize = 8;

/// Names of the request fields beside the key that a response was chosen by, in order. None if it varies on more than
/// fields, or on too many.
pub(crate) fn names(
    request: &(impl Fields + ?Sized),
    response: &(impl Fields + ?Sized),
    policy: &Policy,
    route: &RoutePolicy,
) -> Option<Vec<String>> {
    let Vary::Names(mut names) = Vary::parse(response) else { return None };
    if route.key.without_host && names.iter().any(|name| name == "host") {
        return None;
    }
    let is_in_key = |name: &str| {
        matches!(name, "accept-encoding" | "host" | "x-no-compression") || route.key.has_header(name)
    };
    names.retain(|name| !is_in_key(name));
    // A coding that not everyone with this key can decode: only those who ask for the very same get it.
    let coding = Coding::of_request(request, &policy.codings);
    if !list::members(response, "content-encoding").all(|applied| is_read_by_all(coding, applied)) {
        names.push("accept-encoding".to_owned());
    }
    union(&[], names)
}

/// Whether every client that asks for this coding can read `applied`, a member of Content-Encoding.
fn is_read_by_all(coding: Coding, applied: &[u8]) -> bool {
    applied.eq_ignore_ascii_case(b"identity")
        || matches!(coding, Coding::Encoded(coding) if ContentCoding::parse(applied) == Some(coding))
}

/// What the variants of a key differ by once a response has said so too; none if that is too much.
pub fn union(known: &[String], mut names: Vec<String>) -> Option<Vec<String>> {
    names.extend_from_slice(known);
    names.sort_unstable();
    names.dedup();
    (names.len() <= MAX_NAMES).then_some(names)
}

/// The key of the variant that a request asks for.
pub fn key(full: &str, names: &[String], request: &(impl Fields + ?Sized)) -> String {
    let mut key = String::with_capacity(full.len() + 32 * names.len());
    key.push_str(full);
    key.push(';');
    for name in names {
        write_variant_field(&mut key, name, normalised(name, request).as_deref());
    }
    key
}

/// The value of a field over all its lines, so that values that mean the same are the same (RFC 9111 §4.1): no spaces
/// around commas, and languages in the order in which they are preferred. None if the field is not there.
fn normalised(name: &str, request: &(impl Fields + ?Sized)) -> Option<Vec<u8>> {
    request.first(name)?;
    let members = list::members(request, name);
    Some(match name {
        "accept-language" | "accept-encoding" => preferred(members),
        _ => members.collect::<Vec<_>>().join(&b','),
    })
}

/// Members of a list of preferences, the most wanted first, those that are wanted alike by name (RFC 9110 §12.4.2).
fn preferred<'a>(members: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut wanted: Vec<(u16, Vec<u8>)> = members
        .map(|member| {
            let mut parts = list::parameters(member);
            let name = parts.next().unwrap_or_default().to_ascii_lowercase();
            let weight = parts.find_map(http_semantics::accept_encoding::weight_parameter);
            (weight.unwrap_or(1000), name)
        })
        .collect();
    wanted.sort_by(|left, right| right.0.cmp(&left.0).then_with(|| left.1.cmp(&right.1)));
    let members = wanted.into_iter().map(|(weight, mut name)| {
        if weight < 1000 {
            name.extend_from_slice(format!(";q={weight}").as_bytes());
        }
        name
    });
    members.collect::<Vec<_>>().join(&b',')
}
