//! Accept-Encoding (RFC 9110 §12.5.3).

use http_semantics::{
    AcceptEncoding, ContentCoding,
    accept_encoding::{Quality, weight_parameter},
};

use crate::test;

#[test]
fn qualities() {
    // The weights of gzip, identity and br in thousandths; 0 is not acceptable.
    let table: &[(&str, &[&str], [u16; 3], bool)] = &[
        ("§12.5.3 rule 1: no field accepts all", &[], [1000, 1000, 1000], false),
        ("§12.5.3 an empty field accepts identity", &[""], [0, 1, 0], false),
        ("§12.5.3 listed", &["gzip, br"], [1000, 1, 1000], true),
        ("§12.5.3 several lines", &["br", "gzip"], [1000, 1, 1000], true),
        ("§12.5.3 * stands for what is not listed", &["*"], [1000, 1000, 1000], true),
        ("§12.5.3 * with a weight", &["gzip, *;q=0.5"], [1000, 500, 500], true),
        ("§12.5.3 gzip ruled out beside *", &["gzip;q=0, *"], [0, 1000, 1000], false),
        ("§12.5.3 *;q=0 rules identity out", &["gzip, *;q=0"], [1000, 0, 0], true),
        ("§12.5.3 identity named beside *;q=0", &["identity, *;q=0"], [0, 1000, 0], false),
        ("§12.5.3 identity;q=0", &["identity;q=0, gzip;q=0.1"], [100, 0, 0], true),
        ("§12.5.3 nothing acceptable", &["identity;q=0, *;q=0"], [0, 0, 0], false),
        ("§12.5.3 the example", &["gzip;q=1.0, identity; q=0.5, *;q=0"], [1000, 500, 0], true),
        ("§12.4.2 identity preferred", &["gzip;q=0.5, identity"], [500, 1000, 0], false),
        ("§12.4.2 identity preferred through *", &["gzip;q=0.1, *;q=0.5"], [100, 500, 500], false),
        ("§12.4.2 equal weights", &["gzip;q=0.5, identity;q=0.5"], [500, 500, 0], true),
        ("§12.4.2 three decimals", &["gzip;q=0.001"], [1, 1, 0], true),
        ("§12.4.2 four decimals are malformed", &["gzip;q=0.0001"], [0, 1, 0], false),
        ("§12.4.2 more than 1 is malformed", &["gzip;q=1.1"], [0, 1, 0], false),
        ("§12.4.2 no number", &["gzip;q=x, br;q="], [0, 1, 0], false),
        ("§12.4.2 trailing point", &["gzip;q=1., br;q=0."], [1000, 1, 0], true),
        ("§12.4.2 q ignores case and takes spaces", &["GZIP ; Q=0.8"], [800, 1, 0], true),
        ("other parameters are ignored", &["gzip;level=9;q=0.2"], [200, 1, 0], true),
        ("§8.4.1.3 x-gzip is gzip", &["x-gzip"], [1000, 1, 0], true),
        ("the strictest of repeated members", &["gzip, gzip;q=0"], [0, 1, 0], false),
        ("no substring", &["gzipped, mygzip"], [0, 1, 0], false),
    ];
    for (case, lines, expected, gets_gzip) in table {
        let fields: Vec<_> = lines.iter().map(|line| ("accept-encoding", line)).collect();
        let accepted = AcceptEncoding::parse(&fields);
        let qualities =
            ["gzip", "identity", "br"].map(|coding| accepted.quality(coding).map_or(0, Quality::thousandths));
        assert_eq!(qualities, *expected, "{case}");
        assert_eq!(accepted.choose(&[ContentCoding::Gzip]).is_some(), *gets_gzip, "{case}");
        assert_eq!(accepted.is_present(), !lines.is_empty(), "{case}");
    }
}

#[test]
fn the_best_of_what_is_offered() {
    use ContentCoding::{Br, Deflate, Gzip, Zstd};
    let all = [Zstd, Gzip, Br, Deflate];
    let table: &[(&str, &str, &[ContentCoding], Option<ContentCoding>)] = &[
        ("what a browser sends", "gzip, deflate, br, zstd", &all, Some(Zstd)),
        ("the offer's order among equals", "gzip, deflate, br, zstd", &[Br, Zstd, Gzip], Some(Br)),
        ("the only one that both know", "deflate, br", &[Zstd, Gzip, Br], Some(Br)),
        ("§12.4.2 the client's weights first", "zstd;q=0.8, br;q=0.9, gzip;q=0.85", &all, Some(Br)),
        ("§12.5.3 * is what is not listed", "zstd;q=0.5, *", &all, Some(Gzip)),
        ("§12.5.3 * rules out", "br, *;q=0", &all, Some(Br)),
        ("§12.5.3 what is ruled out beside *", "zstd;q=0, gzip;q=0, *", &all, Some(Br)),
        ("§12.5.3 identity liked better than some", "identity;q=0.5, gzip;q=0.4, br;q=0.6", &all, Some(Br)),
        ("§12.5.3 identity liked best", "identity, gzip;q=0.9, *;q=0.5", &all, None),
        ("§12.5.3 none but a coding, and not that", "identity;q=0, br", &[Gzip], None),
        ("§8.4.1.3 x-gzip is gzip", "X-GZIP;q=0.9, br;q=0.8", &all, Some(Gzip)),
        ("nothing offered", "gzip, *", &[], None),
        ("nothing known", "compress, exi, pack200-gzip", &all, None),
    ];
    for (case, value, offered, expected) in table {
        let fields = [("accept-encoding", *value)];
        assert_eq!(AcceptEncoding::parse(&fields).choose(offered), *expected, "{case}");
    }
    assert_eq!(AcceptEncoding::parse(&Vec::<(&str, &str)>::new()).choose(&all), None, "no field");
}

#[test]
fn names() {
    for coding in ContentCoding::ALL {
        assert_eq!(ContentCoding::parse(coding.as_str().to_uppercase().as_bytes()), Some(coding));
    }
    assert_eq!(ContentCoding::parse(b"X-Gzip"), Some(ContentCoding::Gzip));
    for other in ["", "identity", "gzi", "gzipp", "*", "x-br"] {
        assert_eq!(ContentCoding::parse(other.as_bytes()), None, "{other}");
    }
}

#[test]
fn weights() {
    for (part, expected) in [
        ("q=0.5", Some(500)),
        ("Q = 1", Some(1000)),
        ("q=1.000", Some(1000)),
        ("q=0", Some(0)),
        ("q=0.12", Some(120)),
        ("q=0.1234", Some(0)),
        ("q=2", Some(0)),
        ("q=", Some(0)),
        ("q", Some(0)),
        ("q=\"1\"", Some(0)),
        ("level=1", None),
        ("qq=1", None),
        ("", None),
    ] {
        assert_eq!(weight_parameter(part.as_bytes()), expected, "§12.4.2 {part}");
    }
}
