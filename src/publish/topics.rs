//! Names of topics, and what may be part of one.

use std::borrow::Cow;

/// `online` or `offline`, retained; `offline` is also the last will.
pub const STATUS: &str = "status";
pub const SUMMARY: &str = "summary";
pub const SPLIT: &str = "split";
/// Expires at its `valid_until`.
pub const ADVICE: &str = "advice";
pub const PRICE_POWER: &str = "price/power";
pub const PRICE_BTC: &str = "price/btc";
pub const PRICE_NETWORK: &str = "price/network";
pub const PRICE_HASHPRICE: &str = "price/hashprice";

/// Rows of the ledger, one JSON array a message. A record topic: not retained.
pub const LEDGER: &str = "ledger";
/// What happened. A record topic: not retained.
pub const EVENT: &str = "event";

/// `devices/asic/<group>`: rows of miners. A record topic: not retained.
pub fn asic_rows(group: &str) -> String {
    format!("devices/asic/{}", level(group))
}

/// `devices/gpu/<hosting>`: rows of GPUs. A record topic: not retained.
pub fn gpu_rows(hosting: &str) -> String {
    format!("devices/gpu/{}", level(hosting))
}

/// In front of the ids of blocks.
pub const BLOCK: &str = "block/";

/// `block/<id>`.
pub fn block(id: &str) -> String {
    format!("{BLOCK}{}", level(id))
}

/// In front of the names of pools.
pub const POOL: &str = "pool/";

/// `pool/<name>`.
pub fn pool(name: &str) -> String {
    format!("{POOL}{}", level(name))
}

const HOST: &str = "host/";
const SIGNAL: &str = "signal/";
const GPU_HOST: &str = "gpu_host/";
const PRICE: &str = "price/";

/// `host/<node>`.
pub fn host(node: &str) -> String {
    format!("{HOST}{}", level(node))
}

/// `signal/<name>`.
pub fn signal(name: &str) -> String {
    format!("{SIGNAL}{}", level(name))
}

/// `gpu_host/<name>`.
pub fn gpu_host(name: &str) -> String {
    format!("{GPU_HOST}{}", level(name))
}

/// Whether `topic` is that of a part that a site may have or not.
pub fn is_of_a_part(topic: &str) -> bool {
    [BLOCK, POOL, HOST, SIGNAL, GPU_HOST, PRICE].iter().any(|kind| topic.starts_with(kind))
}

/// Whether `id` is a block of one of these groups and hostings: the name alone, or with a model behind it.
pub fn is_block_of(names: &[String], id: &str) -> bool {
    let of =
        |name: &String| id.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    names.iter().any(of)
}

/// A topic outside the prefix, for a listener that looks elsewhere. None of ours begins with `/`.
pub fn absolute(topic: &str) -> String {
    format!("/{topic}")
}

/// Whether `topic` is one of [`absolute`].
pub fn is_absolute(topic: &str) -> bool {
    topic.starts_with('/')
}

/// For people: without the mark of [`absolute`].
pub fn shown(topic: &str) -> &str {
    topic.strip_prefix('/').unwrap_or(topic)
}

/// Whether `name` is `[a-z0-9-]+`, the form of every name that becomes one level of a topic.
pub fn is_id(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(allowed)
}

/// `name` as one level of a topic. Names that are not ids, such as a machine's host name, are put in
/// lower case and every other character becomes `-`, so that no name can leave its level or be a
/// wildcard.
pub fn level(name: &str) -> Cow<'_, str> {
    if is_id(name) {
        return Cow::Borrowed(name);
    }
    let id: String = name
        .chars()
        .map(|c| c.to_ascii_lowercase())
        .map(|c| if u8::try_from(c).is_ok_and(allowed) { c } else { '-' })
        .collect();
    if id.is_empty() { Cow::Borrowed("-") } else { Cow::Owned(id) }
}

fn allowed(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}

/// `<root>/<site>/`, in front of every topic of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// # Errors
    /// `root` may have several levels but no empty one and no wildcard; it cannot begin with `$`,
    /// which brokers keep for themselves. `site` is an id.
    pub fn new(root: &str, site: &str) -> Result<Self, TopicError> {
        if !is_id(site) {
            return Err(TopicError::Site { site: site.to_owned() });
        }
        let fail = |reason| Err(TopicError::Root { root: root.to_owned(), reason });
        if root.contains(['+', '#', '\0']) {
            return fail("contains `+`, `#` or a NUL");
        }
        if root.starts_with('$') {
            return fail("begins with `$`, which brokers keep for themselves");
        }
        if root.split('/').any(str::is_empty) {
            return fail("has an empty level: no `/` at either end, and no `//`");
        }
        Ok(Self(format!("{root}/{site}/")))
    }

    /// The full name of the topic `below` this prefix, or of one that is [`absolute`].
    pub fn topic(&self, below: &str) -> String {
        match below.strip_prefix('/') {
            Some(outside) => outside.to_owned(),
            None => format!("{}{below}", self.0),
        }
    }

    /// The part of a full name that is below this prefix.
    pub fn below<'t>(&self, topic: &'t str) -> Option<&'t str> {
        topic.strip_prefix(&self.0)
    }

    /// `<root>/<site>/node/<node>/`: what a node publishes.
    ///
    /// # Errors
    /// `node` is not an id.
    pub fn node(&self, node: &str) -> Result<Self, TopicError> {
        if !is_id(node) {
            return Err(TopicError::Node { node: node.to_owned() });
        }
        Ok(Self(format!("{}node/{node}/", self.0)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why no topic can be made of a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    #[error("MQTT root `{root}` {reason}")]
    Root { root: String, reason: &'static str },
    #[error("site name `{site}` is not made of a-z, 0-9 and `-`")]
    Site { site: String },
    #[error("node name `{node}` is not made of a-z, 0-9 and `-`")]
    Node { node: String },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_lower_case_letters_digits_and_dashes() {
        assert!(is_id("container-7") && is_id("0"));
        for bad in ["", "Rack", "a/b", "a+b", "#", "a b", "ä", "a_b"] {
            assert!(!is_id(bad), "{bad}");
        }
    }

    #[test]
    fn no_name_leaves_its_level_or_becomes_a_wildcard() {
        assert_eq!(host("Edge_01.example/+#"), "host/edge-01-example---");
        assert_eq!(host("zähler"), "host/z-hler");
        assert_eq!(pool(""), "pool/-");
        assert_eq!(block("row-1-s19-xp"), "block/row-1-s19-xp");
    }

    #[test]
    fn a_topic_is_below_the_prefix_unless_it_is_absolute() {
        let prefix = Prefix::new("acme", "tx01").unwrap();
        assert_eq!(prefix.topic(STATUS), "acme/tx01/status");
        assert_eq!(prefix.topic(&absolute("homeassistant/status")), "homeassistant/status");
    }

    #[test]
    fn a_root_may_have_levels_but_neither_wildcards_nor_empty_ones() {
        assert_eq!(Prefix::new("acme/power", "tx01").unwrap().topic(SPLIT), "acme/power/tx01/split");
        for bad in ["", "/acme", "acme/", "a//b", "a/+", "#", "$SYS"] {
            assert!(matches!(Prefix::new(bad, "tx01"), Err(TopicError::Root { .. })), "{bad}");
        }
        assert!(matches!(Prefix::new("acme", "TX 01"), Err(TopicError::Site { .. })));
    }
}
