//! Requests get the same variant exactly if the fields that it was chosen by mean the same.

use cache_policy::vary;
use proptest::{collection::vec, option, prelude::*, sample::select};

/// A list of members of any field, and of languages with their weights in thousandths; each may be absent.
#[derive(Clone, Debug, PartialEq)]
struct Asked {
    members: Option<Vec<String>>,
    languages: Option<Vec<(String, u16)>>,
}

fn asked() -> impl Strategy<Value = Asked> {
    let member = select(vec!["a", "A", "a;b=1", "\"a, a\"", "\"a,a\"", "a=;;", "%2C"]).prop_map(String::from);
    let language =
        (select(vec!["de", "en", "de-at", "*"]).prop_map(String::from), select(vec![0, 1, 500, 1000]));
    (option::of(vec(member, 0..3)), option::of(vec(language, 0..3))).prop_map(|(members, languages)| {
        // What is wanted alike has no order, and what is wanted more comes first.
        let sorted = |mut languages: Vec<(String, u16)>| {
            languages.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
            languages
        };
        Asked { members, languages: languages.map(sorted) }
    })
}

/// The many ways to write the same.
#[derive(Clone, Debug)]
struct Style {
    spaces: Vec<&'static str>,
    lines: Vec<bool>,
    rotation: usize,
    is_loud: bool,
}

fn style() -> impl Strategy<Value = Style> {
    let spaces = vec(select(vec!["", " ", "\t", " , "]), 8);
    (spaces, vec(any::<bool>(), 4), 0_usize..4, any::<bool>())
        .prop_map(|(spaces, lines, rotation, is_loud)| Style { spaces, lines, rotation, is_loud })
}

impl Style {
    fn write(&self, name: &'static str, members: &[String]) -> Vec<(&'static str, String)> {
        let mut lines = vec![(name, self.spaces[0].to_owned())];
        for (index, member) in members.iter().enumerate() {
            let [before, after] = [2 * index, 2 * index + 1].map(|place| self.spaces[place]);
            if index > 0 && self.lines[index] {
                lines.push((name, String::new()));
            }
            let (_, line) = lines.last_mut().unwrap();
            if !line.trim().is_empty() {
                line.push(',');
            }
            line.push_str(&[before, member, after].concat());
        }
        lines
    }

    fn request(&self, asked: &Asked) -> Vec<(&'static str, String)> {
        let mut fields =
            asked.members.as_ref().map(|members| self.write("X-List", members)).unwrap_or_default();
        if let Some(languages) = &asked.languages {
            let mut members: Vec<_> = languages.iter().map(|language| self.language(language)).collect();
            let rotation = self.rotation % members.len().max(1);
            members.rotate_left(rotation);
            fields.extend(self.write("Accept-Language", &members));
        }
        fields.push(("x-else", self.spaces.concat()));
        fields
    }

    fn language(&self, (name, weight): &(String, u16)) -> String {
        let weight = match weight {
            1000 if self.is_loud => ";q=1.0".to_owned(),
            1000 => String::new(),
            weight => format!(" ; Q={}", f64::from(*weight) / 1000.0),
        };
        (if self.is_loud { name.to_ascii_uppercase() } else { name.clone() }) + &weight
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn a_variant_is_the_same_exactly_if_its_fields_mean_the_same(
        one in asked(), other in prop_oneof![1 => asked().prop_map(Some), 1 => Just(None)], styles in [style(), style()],
    ) {
        let other = other.unwrap_or_else(|| one.clone());
        let names = ["accept-language".to_owned(), "x-list".to_owned()];
        let [left, right] = [(&one, &styles[0]), (&other, &styles[1])]
            .map(|(asked, style)| vary::key("k", &names, &style.request(asked)));
        prop_assert_eq!(left == right, one == other, "{} {}", left, right);
    }

    #[test]
    fn names_are_sorted_and_few(known in vec("[a-c]{1,2}", 0..6), names in vec("[a-c]{1,2}", 0..6)) {
        let mut all: Vec<_> = known.iter().chain(&names).cloned().collect();
        all.sort();
        all.dedup();
        prop_assert_eq!(vary::union(&known, names), (all.len() <= 8).then_some(all));
    }

    #[test]
    fn keys_of_any_bytes_are_visible_ascii(value in vec(any::<u8>(), 0..9), name in select(vec!["a", "accept-language"])) {
        let key = vary::key("k", &[name.to_owned()], &[(name, value)]);
        prop_assert!(key.bytes().all(|byte| byte.is_ascii_graphic()));
        prop_assert_eq!(key.matches(';').count(), 2);
    }
}
