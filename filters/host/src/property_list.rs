//! Several properties in one call.
//!
//! Whatever the host hands over, it first enters the VM for memory, and that costs more than finding the value. Envoy
//! evaluates CEL expressions for filters (foreign functions `expr_create` and `expr_evaluate`), so a list of
//! properties crosses once. A host without them, or a stream that lacks one of the properties, is asked one by one.

use crate::{HostError, Property, abi, pairs};

/// Properties that are read together.
#[derive(Debug)]
pub struct PropertyList {
    always: &'static [Property],
    sometimes: &'static [Property],
    /// The host's number of the compiled expression.
    expression: Option<[u8; 4]>,
}

impl PropertyList {
    /// Has the host prepare the list. Make it in [`crate::Plugin::configure`], once.
    ///
    /// A stream should nearly always have those in `always`: if one is absent the list costs a call for each property.
    pub fn new(always: &'static [Property], sometimes: &'static [Property]) -> PropertyList {
        let compiled = abi::foreign_function("expr_create", expression(always, sometimes).as_bytes());
        let expression = compiled.ok().and_then(|token| token.try_into().ok());
        PropertyList { always, sometimes, expression }
    }

    /// Reads the properties of the current stream.
    pub fn read(&self) -> Result<PropertyValues, HostError> {
        let evaluated = self.expression.map(|token| abi::foreign_function("expr_evaluate", &token));
        match evaluated {
            Some(Ok(block)) => Ok(PropertyValues(block)),
            _ => self.read_one_by_one(),
        }
    }

    fn read_one_by_one(&self) -> Result<PropertyValues, HostError> {
        let all = self.always.iter().chain(self.sometimes);
        let values: Vec<Vec<u8>> =
            all.map(|property| Ok(property.bytes()?.unwrap_or_default())).collect::<Result<_, _>>()?;
        Ok(PropertyValues(pairs::encode(values.iter().map(|value| (value.as_slice(), b"".as_slice())))))
    }
}

/// What a [`PropertyList`] read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PropertyValues(Vec<u8>);

impl PropertyValues {
    /// The values in the order of the list, `always` first; an absent one is empty.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        pairs::decode(&self.0).map(|(value, _)| value)
    }
}

/// A CEL list of the properties.
fn expression(always: &[Property], sometimes: &[Property]) -> String {
    let always = always.iter().map(|property| selector(*property));
    let sometimes = sometimes.iter().map(|property| {
        let selector = selector(*property);
        format!("has({selector}) ? {selector} : ''")
    });
    format!("[{}]", always.chain(sometimes).collect::<Vec<_>>().join(", "))
}

fn selector(property: Property) -> String {
    String::from_utf8_lossy(property.path()).replace('\0', ".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::double::{Host, set_property, with};

    #[test]
    fn a_list_is_a_cel_expression() {
        let list = expression(&[Property::ROUTE_NAME, Property::RESPONSE_CODE], &[Property::CLUSTER_NAME]);
        assert_eq!(list, "[xds.route_name, response.code, has(xds.cluster_name) ? xds.cluster_name : '']");
    }

    #[test]
    fn the_values_are_the_same_whichever_way_they_are_read() {
        type Case<'a> = (bool, Option<&'a [u8]>, Option<&'a [u8]>, [&'a [u8]; 3]);
        let cases: [Case<'_>; 5] = [
            (true, Some(b"items"), Some(b"origin"), [b"GET", b"items", b"origin"]),
            (true, Some(b"items"), None, [b"GET", b"items", b""]),
            (true, None, Some(b"origin"), [b"GET", b"", b"origin"]),
            (false, Some(b"items"), Some(b"origin"), [b"GET", b"items", b"origin"]),
            (false, None, None, [b"GET", b"", b""]),
        ];
        for (evaluates, route, cluster, expected) in cases {
            with(|host| *host = Host::default());
            if !evaluates {
                with(|host| host.failing.insert("call_foreign_function"));
            }
            let list = PropertyList::new(
                &[Property::REQUEST_METHOD, Property::ROUTE_NAME],
                &[Property::CLUSTER_NAME],
            );
            set_property(Property::REQUEST_METHOD, b"GET");
            for (property, value) in [(Property::ROUTE_NAME, route), (Property::CLUSTER_NAME, cluster)] {
                if let Some(value) = value {
                    set_property(property, value);
                }
            }
            let read = list.read().unwrap();
            assert_eq!(read.iter().collect::<Vec<_>>(), expected, "{evaluates} {route:?} {cluster:?}");
        }
    }

    #[test]
    fn a_list_takes_one_call() {
        with(|host| *host = Host::default());
        let list = PropertyList::new(&[Property::REQUEST_METHOD], &[]);
        set_property(Property::REQUEST_METHOD, b"GET");
        with(|host| host.failing.insert("get_property"));
        assert_eq!(list.read().unwrap().iter().collect::<Vec<_>>(), [b"GET"]);
    }

    #[test]
    fn a_host_that_refuses_everything_is_an_error() {
        with(|host| *host = Host::default());
        with(|host| host.failing.extend(["call_foreign_function", "get_property"]));
        let list = PropertyList::new(&[Property::REQUEST_METHOD], &[]);
        assert_eq!(list.read(), Err(HostError { call: "get_property", status: 10 }));
    }
}
