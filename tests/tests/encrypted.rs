//! What filters, companion and Redis say to each other, by mutual TLS.

use e2e::{Metrics, Setup, assert_text, is_hit, miss, wait_for};
use testbed::{Answer, Certificates, Client, Companion, FrontProxy, Origin, Redis, RedisOptions, ports};

/// Where the shipped cluster of the companion gets its transport socket.
const PLACE: &str = "      # One connection of each worker carries all that the filter asks";
const KEPT: &str = "for everyone";

/// A service, a Redis, and a companion with an encrypted address.
struct Stack {
    origin: Origin,
    redis: Redis,
    companion: Companion,
    encrypted: u16,
}

impl Stack {
    /// The companion shows this certificate, and lets in and trusts whoever is of this authority.
    fn start(own: &Certificates, authority: &Certificates) -> Stack {
        let tls = Some(authority.folder().to_owned());
        let redis = Redis::start(RedisOptions { tls, ..RedisOptions::default() }).unwrap();
        let origin = Origin::start(|_| Answer::json(KEPT).header("cache-control", "max-age=60")).unwrap();
        let encrypted = ports::free();
        let companion = [
            ("SLIPSTREAM_TLS__LISTEN", format!("127.0.0.1:{encrypted}")),
            ("SLIPSTREAM_TLS__CERT_FILE", own.cert().display().to_string()),
            ("SLIPSTREAM_TLS__KEY_FILE", own.key().display().to_string()),
            ("SLIPSTREAM_TLS__CLIENT_CA_FILE", authority.ca().display().to_string()),
            ("SLIPSTREAM_REDIS__TLS", "true".to_owned()),
            ("SLIPSTREAM_REDIS__TLS_CA_FILE", authority.ca().display().to_string()),
            ("SLIPSTREAM_REDIS__TLS_CERT_FILE", authority.cert().display().to_string()),
            ("SLIPSTREAM_REDIS__TLS_KEY_FILE", authority.key().display().to_string()),
        ]
        .into_iter()
        .fold(Setup::new().redis(&redis), |setup, (name, value)| setup.companion_env(name, &value))
        .companion(None)
        .unwrap();
        Stack { origin, redis, companion, encrypted }
    }

    /// Envoy showing the certificate of `own`, and trusting the authority of `trusted`.
    fn front(&self, own: &Certificates, trusted: &Certificates) -> FrontProxy {
        let file = |path: std::path::PathBuf| format!("{{ filename: {} }}", path.display());
        let socket = format!(
            "      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
          sni: localhost
          common_tls_context:
            alpn_protocols: [h2]
            tls_certificates: [{{ certificate_chain: {}, private_key: {} }}]
            validation_context: {{ trusted_ca: {} }}
{PLACE}",
            file(own.cert()),
            file(own.key()),
            file(trusted.ca())
        );
        Setup::new().edit(PLACE, socket).front(self.origin.port(), self.encrypted).unwrap()
    }
}

#[test]
fn those_with_the_right_certificates_share_a_cache() {
    let own = Certificates::new().unwrap();
    let stack = Stack::start(&own, &own);
    let (one, other) = (stack.front(&own, &own), stack.front(&own, &own));
    let client = Client::new();
    let ask = |front: &FrontProxy| {
        client.send(testbed::Request::get(front.url("/shared")).header("host", "shop.example")).unwrap()
    };
    wait_for("it to be stored", || is_hit(&ask(&one)));
    let asked = stack.origin.total();
    // What another Envoy has of it came from Redis, through the companion.
    wait_for("the other Envoy to be told", || is_hit(&ask(&other)));
    assert_text(&ask(&other), 200, KEPT);
    assert!(stack.origin.total() <= asked + 1, "one may have asked before it followed the log");
    wait_for("it to be read at the second level", || {
        Metrics::of(&other).sum("slipstream_cache_lookups_total", &[("outcome", "l2")]) >= 1.0
    });
    assert!(stack.redis.cli(&["DBSIZE"]).unwrap().trim() != "0", "Redis has it");
}

#[test]
fn strangers_learn_nothing_and_cost_no_request() {
    let (own, stranger) = (Certificates::new().unwrap(), Certificates::new().unwrap());
    let stack = Stack::start(&own, &own);
    let posing = Stack::start(&stranger, &own);
    let client = Client::new();
    for (who, front) in [
        ("an Envoy that the companion does not know", stack.front(&stranger, &own)),
        ("a companion that Envoy does not know", posing.front(&own, &own)),
    ] {
        for number in 0..10 {
            assert_text(&miss(client.get(front.url(&format!("/{number}")))), 200, KEPT);
        }
        wait_for(who, || {
            Metrics::of(&front).sum("slipstream_cache_lookups_total", &[("outcome", "failed")]) >= 5.0
        });
    }
    let refused = Client::new().get(stack.companion.url("/metrics")).text();
    let counted = "slipstream_connections_refused_total{reason=\"tls\"} ";
    let count = refused.lines().find_map(|line| line.strip_prefix(counted)).unwrap();
    assert!(count.parse::<f64>().unwrap() >= 1.0, "{count}");
}
