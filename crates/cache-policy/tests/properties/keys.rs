//! Full keys differ exactly if what the route makes part of them does.

use cache_policy::key::{self, Coding, KeyParts, Query, Template};
use http_semantics::ContentCoding;
use proptest::{collection::vec, option, prelude::*, sample::select};

use crate::{path_and_query, text};

/// What a key may hold of a request.
#[derive(Clone, Debug)]
struct Request {
    coding: usize,
    host: String,
    path: String,
    query: Option<Vec<String>>,
    /// The lines of `a` and of `b`.
    lines: [Vec<String>; 2],
    cookie: Option<String>,
}

fn request() -> impl Strategy<Value = Request> {
    let lines = || vec(text("a;=#%,{}1:", 3), 0..3);
    let query = option::of(vec(text("ab=1", 3), 0..4));
    (0_usize..3, text("aA*", 1), text("a#%2", 2), query, [lines(), lines()], option::of(text("a=#%1:}", 2)))
        .prop_map(|(coding, host, path, query, lines, cookie)| {
            let path = path.replace('#', "");
            Request { coding, host, path, query, lines, cookie }
        })
}

impl Request {
    fn fields(&self) -> Vec<(&str, String)> {
        let [first, second] = &self.lines;
        let lines = first.iter().map(|value| ("a", value.clone()));
        let lines = lines.chain(second.iter().map(|value| ("b", value.clone())));
        lines.chain(self.cookie.iter().map(|value| ("cookie", format!("x=0; c={value}")))).collect()
    }

    fn key(&self, route: &str, parts: &KeyParts) -> key::Key {
        let coding =
            [Coding::Encoded(ContentCoding::Gzip), Coding::Identity, Coding::NoCompression][self.coding];
        let target = path_and_query(&self.path, self.query.as_deref());
        key::of_request(self.host.as_bytes(), target.as_bytes(), coding, route, parts, &self.fields())
    }

    /// The parameters that a key holds, in their order, and in its own.
    fn parameters(&self, kept: &Query) -> [Option<Vec<String>>; 2] {
        let name = |parameter: &String| parameter.split('=').next().unwrap_or_default().to_owned();
        // A query without parameters is one with an empty parameter.
        let all = self.query.clone().map(|all| if all.is_empty() { vec![String::new()] } else { all });
        let kept: Option<Vec<String>> = match kept {
            Query::All => all,
            Query::Only(names) => {
                all.map(|all| all.into_iter().filter(|one| names.contains(&name(one))).collect())
            }
            Query::Except(names) => {
                all.map(|all| all.into_iter().filter(|one| !names.contains(&name(one))).collect())
            }
        };
        let mut sorted = kept.clone();
        sorted.iter_mut().for_each(|sorted| sorted.sort_by_key(name));
        [kept, sorted]
    }

    /// What the key is to stand for.
    fn asked(&self, parts: &KeyParts) -> impl PartialEq + std::fmt::Debug + use<> {
        let host = (!parts.without_host).then(|| self.host.to_ascii_lowercase());
        let [in_order, sorted] = self.parameters(&parts.query).map(|all| match parts.query {
            Query::All => all,
            // What is left out of a query may leave nothing, which is as good as no query.
            _ => all.filter(|all| !all.join("&").is_empty()),
        });
        let in_order = in_order.filter(|_| parts.keeps_query_order && parts.template.is_none());
        let sorted = sorted.filter(|_| parts.template.is_none());
        let template = parts.template.as_ref().map(|_| {
            let query = self.query.iter().flatten();
            let named_a = query.filter(|one| *one == "a" || one.starts_with("a="));
            let values: Vec<_> = named_a.map(|one| one.get(2..).unwrap_or_default().to_owned()).collect();
            (values, self.lines[1].clone(), self.cookie.clone())
        });
        let lines = parts.headers.iter().map(|name| self.lines[usize::from(name == "b")].clone());
        let cookie = self.cookie.clone().filter(|_| !parts.cookies.is_empty());
        let of_query = (in_order, sorted, template);
        (self.coding, host, self.path.clone(), of_query, lines.collect::<Vec<_>>(), cookie)
    }
}

fn parts() -> impl Strategy<Value = KeyParts> {
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let query = select(vec![
        Query::All,
        Query::Only(names(&["a"])),
        Query::Only(names(&["a", "b", ""])),
        Query::Except(names(&["a"])),
        Query::Except(names(&["ab"])),
    ]);
    let template = Template::parse("{query:a}{header:b}1{cookie:c}").unwrap();
    let template = option::weighted(0.2, Just(template));
    let headers = select(vec![names(&[]), names(&["a"]), names(&["a", "b"])]);
    let cookies = select(vec![names(&[]), names(&["c"])]);
    (headers, cookies, query, any::<[bool; 2]>(), option::of(text("a;", 1)), template).prop_map(
        |(headers, cookies, query, [keeps_query_order, without_host], prefix, template)| KeyParts {
            headers,
            cookies,
            query,
            keeps_query_order,
            without_host,
            prefix,
            template,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn keys_differ_exactly_if_what_they_stand_for_does(parts in parts(), one in request(), other in request()) {
        let is_same = one.key("r", &parts).full == other.key("r", &parts).full;
        prop_assert_eq!(is_same, one.asked(&parts) == other.asked(&parts));
    }

    #[test]
    fn one_change_changes_the_key(parts in parts(), one in request(), field in 0..6, value in request()) {
        let mut other = one.clone();
        match field {
            0 => other.coding = value.coding,
            1 => other.path = value.path,
            2 => other.query = value.query,
            3 => other.lines[0] = value.lines[0].clone(),
            4 => other.lines[1] = value.lines[1].clone(),
            _ => other.cookie = value.cookie,
        }
        let is_same = one.key("r", &parts).full == other.key("r", &parts).full;
        prop_assert_eq!(is_same, one.asked(&parts) == other.asked(&parts));
    }

    #[test]
    fn routes_do_not_share_keys(
        request in request(), routes in [text("a:;=#%", 3), text("a:;=#%", 3)], parts in [parts(), parts()],
    ) {
        let [one, other] = [0, 1].map(|index| request.key(&routes[index], &parts[index]).full);
        prop_assert!(routes[0] == routes[1] || one != other);
    }

    #[test]
    fn an_invalidation_of_the_url_finds_the_key(parts in parts(), request in request()) {
        let key = request.key("r", &parts);
        let target = path_and_query(&request.path, request.query.as_deref());
        let host = if parts.without_host { "*" } else { &request.host };
        let path = key::primary(b"GET", host.as_bytes(), path_and_query(&request.path, None).as_bytes());
        match &key.path_tag {
            None => prop_assert_eq!(
                invalidation::primary_key(&key.full), key::primary(b"GET", request.host.as_bytes(), target.as_bytes())
            ),
            Some(tag) => prop_assert_eq!(tag, &path.replacen("GET ", "path:", 1)),
        }
    }

    #[test]
    fn keys_of_any_bytes_are_visible_ascii(
        method in vec(any::<u8>(), 0..4), authority in vec(any::<u8>(), 0..4), target in vec(any::<u8>(), 0..8),
        value in vec(any::<u8>(), 0..8), parts in parts(),
    ) {
        let primary = key::primary(&method, &authority, &target);
        let fields = [("a", &value), ("b", &value), ("cookie", &value)];
        let key = key::of_request(&authority, &target, Coding::Encoded(ContentCoding::Gzip), "r", &parts, &fields);
        for key in [&key.full, &primary].into_iter().chain(&key.path_tag) {
            prop_assert!(key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '));
        }
        prop_assert_eq!(key.full.matches(' ').count(), 1);
        prop_assert_eq!(key.full.matches('#').count(), 1);
        if key.path_tag.is_none() {
            prop_assert_eq!(invalidation::primary_key(&key.full), key::primary(b"GET", &authority, &target));
        }
    }
}
