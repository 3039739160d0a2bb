//! The traffic of the demo: the same requests in the same order every time.

use serde_json::{Value, json};

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// The first pages of all items.
    List,
    /// Items by category, status, priority or tag.
    Filter,
    /// Full-text search within a category.
    Search,
    /// One item.
    Item,
    /// The statistics.
    Stats,
    /// The health check, which is never cached.
    Health,
    /// A new item.
    Create,
}

impl Endpoint {
    /// All of them, in the order of the table.
    pub const ALL: [Endpoint; 7] = [
        Endpoint::List,
        Endpoint::Filter,
        Endpoint::Search,
        Endpoint::Item,
        Endpoint::Stats,
        Endpoint::Health,
        Endpoint::Create,
    ];

    /// What the table calls it.
    pub fn label(self) -> &'static str {
        match self {
            Endpoint::List => "GET /api/items",
            Endpoint::Filter => "GET /api/items?…",
            Endpoint::Search => "GET /api/items?q=…",
            Endpoint::Item => "GET /api/items/{id}",
            Endpoint::Stats => "GET /api/stats",
            Endpoint::Health => "GET /health",
            Endpoint::Create => "POST /api/items",
        }
    }
}

/// A request of the mix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The row it belongs to.
    pub endpoint: Endpoint,
    /// Path and query.
    pub target: String,
    /// The JSON body of a POST.
    pub body: Option<String>,
}

/// One request in so many is a write, which drops every cached list.
const REQUESTS_PER_WRITE: u64 = 1_500;
const HOT_ITEMS: u64 = 300;

const LISTS: [&str; 4] = ["/api/items", "/api/items?page=2", "/api/items?page=3", "/api/items?page_size=20"];

const FILTERS: [&str; 12] = [
    "/api/items?category=backend",
    "/api/items?category=frontend&status=new",
    "/api/items?category=data&priority=high",
    "/api/items?status=in-progress",
    "/api/items?status=review&priority=critical",
    "/api/items?priority=critical",
    "/api/items?tag=api",
    "/api/items?tag=latency&status=new",
    "/api/items?category=security&priority=critical",
    "/api/items?category=operations&status=in-progress&priority=high",
    "/api/items?category=documentation&page=2",
    "/api/items?tag=customer&page_size=20",
];

const SEARCHES: [&str; 5] = [
    "/api/items?category=backend&status=new&q=payment",
    "/api/items?category=data&status=review&q=slow+ledger",
    "/api/items?category=security&status=in-progress&q=login",
    "/api/items?category=frontend&priority=critical&q=dashboard",
    "/api/items?category=operations&status=new&q=incident+notes",
];

/// The request at this place of the mix, for a database of `items` items.
pub fn call(index: usize, items: u32) -> Call {
    let index = index as u64;
    if index % REQUESTS_PER_WRITE == REQUESTS_PER_WRITE / 2 {
        return Call {
            endpoint: Endpoint::Create,
            target: "/api/items".to_owned(),
            body: Some(new_item(&format!("mix {index}")).to_string()),
        };
    }
    let mut dice = Dice(index);
    let (endpoint, target) = match dice.below(100) {
        0..20 => (Endpoint::List, LISTS[dice.skewed(LISTS.len() as u64) as usize].to_owned()),
        20..45 => (Endpoint::Filter, FILTERS[dice.skewed(FILTERS.len() as u64) as usize].to_owned()),
        45..53 => (Endpoint::Search, SEARCHES[dice.skewed(SEARCHES.len() as u64) as usize].to_owned()),
        53..90 => (Endpoint::Item, item(dice.skewed(HOT_ITEMS), items)),
        90..95 => (Endpoint::Stats, "/api/stats".to_owned()),
        _ => (Endpoint::Health, "/health".to_owned()),
    };
    Call { endpoint, target, body: None }
}

/// Every address that the mix reads and a cache may hold.
pub fn distinct_reads(items: u32) -> Vec<String> {
    let fixed = LISTS.iter().chain(&FILTERS).chain(&SEARCHES).map(|target| (*target).to_owned());
    let items = (0..HOT_ITEMS).map(|rank| item(rank, items));
    fixed.chain(items).chain(["/api/stats".to_owned(), "/health".to_owned()]).collect()
}

/// The body of a POST.
pub fn new_item(title: &str) -> Value {
    json!({
        "title": title,
        "description": "Made by the demo.",
        "category": "backend",
        "tags": ["api"],
        "metadata": { "source": "demo" }
    })
}

/// The hot items lie spread over the whole table.
fn item(rank: u64, items: u32) -> String {
    format!("/api/items/{}", 1 + (rank * 7_919) % u64::from(items))
}

/// Numbers that look random and are the same every time (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Small numbers come more often, as some addresses are asked for more often.
    fn skewed(&mut self, end: u64) -> u64 {
        self.below(end).min(self.below(end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mix_is_the_same_every_time_and_has_a_bit_of_everything() {
        let calls: Vec<Call> = (0..4_000).map(|index| call(index, 100_000)).collect();
        assert_eq!(calls, (0..4_000).map(|index| call(index, 100_000)).collect::<Vec<_>>());
        let count = |endpoint| calls.iter().filter(|call| call.endpoint == endpoint).count();
        assert_eq!(count(Endpoint::Create), 3);
        for endpoint in Endpoint::ALL {
            assert!(endpoint == Endpoint::Create || count(endpoint) > 100, "{endpoint:?}");
        }
        let distinct = distinct_reads(100_000);
        for call in calls.iter().filter(|call| call.body.is_none()) {
            assert!(distinct.contains(&call.target), "{}", call.target);
        }
    }
}
