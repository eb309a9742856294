//! Signatures by the Standard Webhooks specification: what is signed is `id.timestamp.body`, as sent.

use crate::{
    error::{Error, Result},
    secret::Secret,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{hmac, signature::Ed25519KeyPair};

/// Keys that sign at once; more than a rotation needs.
const MOST_KEYS: usize = 4;

/// A key that signs.
enum Key {
    /// `whsec_…`: HMAC-SHA256, 24 to 64 bytes.
    Shared(hmac::Key),
    /// `whsk_…`: ed25519, a seed of 32 bytes or seed and public key.
    Own(Box<Ed25519KeyPair>),
}

/// The keys of a receiver: one, or two while one replaces the other.
pub struct Signer {
    keys: Vec<Key>,
}

impl Signer {
    /// Reads keys, apart by white space.
    ///
    /// # Errors
    /// Says what is wrong with which key, and never shows it.
    pub fn parse(secret: &Secret) -> Result<Self> {
        let words: Vec<&str> = secret.expose().split_whitespace().collect();
        if words.len() > MOST_KEYS {
            return Err(wrong(format!(
                "it holds {} keys, at most {MOST_KEYS} sign",
                words.len()
            )));
        }
        let keys = words.iter().enumerate();
        Ok(Signer {
            keys: keys
                .map(|(at, word)| parse_key(at + 1, word))
                .collect::<Result<_>>()?,
        })
    }

    /// The value of `webhook-signature`: a signature per key.
    pub fn sign(&self, id: &str, unix_seconds: i64, body: &[u8]) -> String {
        let mut signed = format!("{id}.{unix_seconds}.").into_bytes();
        signed.extend_from_slice(body);
        let one = |key: &Key| match key {
            Key::Shared(key) => format!("v1,{}", STANDARD.encode(hmac::sign(key, &signed))),
            Key::Own(pair) => format!("v1a,{}", STANDARD.encode(pair.sign(&signed))),
        };
        self.keys.iter().map(one).collect::<Vec<_>>().join(" ")
    }
}

fn wrong(why: String) -> Error {
    Error::Secret {
        what: "secret".into(),
        why,
    }
}

fn parse_key(number: usize, word: &str) -> Result<Key> {
    let decode = |text: &str| {
        STANDARD
            .decode(text)
            .map_err(|_| wrong(format!("key {number} is not base64 after its prefix")))
    };
    if let Some(rest) = word.strip_prefix("whsk_") {
        let bytes = decode(rest)?;
        let pair = match bytes.len() {
            32 => Ed25519KeyPair::from_seed_unchecked(&bytes),
            64 => Ed25519KeyPair::from_seed_and_public_key(&bytes[..32], &bytes[32..]),
            other => {
                return Err(wrong(format!(
                    "key {number} has {other} bytes, an ed25519 key has 32 or 64"
                )));
            }
        };
        return match pair {
            Ok(pair) => Ok(Key::Own(Box::new(pair))),
            Err(_) => Err(wrong(format!("key {number} is no ed25519 key"))),
        };
    }
    let Some(rest) = word.strip_prefix("whsec_") else {
        return Err(wrong(format!(
            "key {number} begins neither with whsec_ nor with whsk_"
        )));
    };
    let bytes = decode(rest)?;
    if !(24..=64).contains(&bytes.len()) {
        return Err(wrong(format!(
            "key {number} has {} bytes, the specification wants 24 to 64",
            bytes.len()
        )));
    }
    Ok(Key::Shared(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{ED25519, KeyPair, UnparsedPublicKey};

    const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";

    fn signer(keys: &str) -> Signer {
        Signer::parse(&Secret::new(keys)).expect("keys")
    }

    #[test]
    fn published_vectors_hold() {
        let check = |body: &str, expect: &str| {
            assert_eq!(signer(KEY).sign(ID, 1_614_265_330, body.as_bytes()), expect);
        };
        check(
            r#"{"test": 2432232314}"#,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        );
        check(
            r#"{"test":2432232314}"#,
            "v1,Vif40peJBP7Iyl0XGmu61n4MwdrcHov5CFREBpE0svs=",
        );
    }

    #[test]
    fn during_a_rotation_both_keys_sign() {
        let other = format!("whsec_{}", STANDARD.encode([7; 32]));
        let both = signer(&format!("{KEY}\n{other}")).sign(ID, 1, b"x");
        let (first, second) = both.split_once(' ').expect("two");
        assert_eq!(first, signer(KEY).sign(ID, 1, b"x"));
        assert_eq!(second, signer(&other).sign(ID, 1, b"x"));
    }

    #[test]
    fn an_ed25519_signature_verifies_with_the_public_key() {
        let seed = [9_u8; 32];
        let signature = signer(&format!("whsk_{}", STANDARD.encode(seed))).sign(ID, 5, b"body");
        let bytes = STANDARD
            .decode(signature.strip_prefix("v1a,").expect("v1a"))
            .expect("base64");
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).expect("a pair");
        UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref())
            .verify(format!("{ID}.5.body").as_bytes(), &bytes)
            .expect("it verifies");
    }

    #[test]
    fn bad_keys_are_refused_without_being_shown() {
        let check = |key: &str, expect: &str| {
            let error = Signer::parse(&Secret::new(key))
                .err()
                .expect("refused")
                .to_string();
            assert!(error.contains(expect), "{error}");
            assert!(!error.contains(key), "{error}");
        };
        check("hunter2hunter2", "neither");
        check("whsec_!!!!", "base64");
        check("whsec_AAAA", "3 bytes");
        check("whsk_AAAA", "3 bytes");
    }
}
