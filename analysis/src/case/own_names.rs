//! What somebody called a store whose address a cloud made of that name: `orders-db` of
//! `orders-db.cluster-c7k2.eu-west-1.rds.amazonaws.com`.

/// The name inside the address that a cloud gave to a store; none of any other address.
pub(crate) fn of(address: &str) -> Option<&str> {
    let host = address.rsplit_once(':').map_or(address, |(host, port)| {
        match port.bytes().all(|it| it.is_ascii_digit()) {
            true => host,
            false => address,
        }
    });
    let lower = host.to_lowercase();
    let aws = lower.ends_with(".amazonaws.com") || lower.ends_with(".amazonaws.com.cn");
    let mut parts = host.split('.');
    let name = match aws {
        true if of_aws(&lower) => parts.find(|it| !is_role(it)),
        true => None,
        false => {
            let ends = ENDS.iter().any(|end| lower.ends_with(end));
            ends.then(|| parts.next()).flatten()
        }
    };
    name.filter(|it| it.len() >= 3)
}

/// What other clouds put behind the name.
const ENDS: [&str; 8] = [
    ".database.windows.net",
    ".database.azure.com",
    ".redis.cache.windows.net",
    ".redis.azure.net",
    ".documents.azure.com",
    ".mongo.cosmos.azure.com",
    ".servicebus.windows.net",
    ".mongodb.net",
];

fn of_aws(lower: &str) -> bool {
    const STORES: [&str; 8] = [
        ".rds.",
        ".cache.",
        ".docdb.",
        ".neptune.",
        ".redshift.",
        ".redshift-serverless.",
        ".kafka.",
        ".memorydb.",
    ];
    STORES.iter().any(|it| lower.contains(it))
}

/// What stands before the name: which of its members answers there (`master.sessions.x1.euw1.cache…`, `b-2.events.…`).
fn is_role(part: &str) -> bool {
    const ROLES: [&str; 5] = ["master", "primary", "replica", "reader", "clustercfg"];
    let broker = part.strip_prefix("b-").unwrap_or("x");
    ROLES.contains(&part) || broker.len() <= 2 && broker.bytes().all(|it| it.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn stores_keep_the_name_that_somebody_gave_them() {
        let check = |address: &str, expect: Option<&str>| assert_eq!(of(address), expect);
        check(
            "orders-db.cluster-c7k2.eu-west-1.rds.amazonaws.com",
            Some("orders-db"),
        );
        check("books.c1x2.eu-west-1.rds.amazonaws.com:5432", Some("books"));
        check(
            "master.sessions.x1y2.euw1.cache.amazonaws.com:6379",
            Some("sessions"),
        );
        check(
            "b-2.events.k1j2.c3.kafka.eu-west-1.amazonaws.com:9092",
            Some("events"),
        );
        check("ledger.database.windows.net", Some("ledger"));
        check("ssm.eu-west-1.amazonaws.com", None);
        check("a1b2c3.execute-api.eu-west-1.amazonaws.com", None);
        check("orders.internal:5432", None);
    }
}
