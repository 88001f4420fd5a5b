//! The key that the cluster signs its service accounts' tokens with: ECDSA over P-256, made at the first start
//! and kept beside the certificates, where kubeadm keeps its `sa.key`.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, PublicKeyData};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shared::apiserver::service_account::TokenKey;

use super::tls::write_private;

/// The key of one cluster.
pub struct ServiceAccountKey {
    id: String,
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl ServiceAccountKey {
    /// Reads the key of a data directory, or makes one at the first start.
    pub fn load_or_create(directory: &Path) -> Result<ServiceAccountKey> {
        let path = directory.join("pki/sa.key");
        let text = match path.exists() {
            true => fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?,
            false => {
                let text = KeyPair::generate()?.serialize_pem();
                write_private(&path, &text)?;
                text
            }
        };
        ServiceAccountKey::parse(&text).with_context(|| format!("the key in {}", path.display()))
    }

    fn parse(pem: &str) -> Result<ServiceAccountKey> {
        let key = KeyPair::from_pem(pem)?;
        let (private, random) = (key.serialize_der(), SystemRandom::new());
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &private, &random)
            .map_err(|error| anyhow::anyhow!("is no ECDSA key over P-256: {error}"))?;
        let id = URL_SAFE_NO_PAD.encode(Sha256::digest(key.subject_public_key_info()));
        Ok(ServiceAccountKey { id, pair, random })
    }
}

impl TokenKey for ServiceAccountKey {
    fn id(&self) -> &str {
        &self.id
    }

    fn algorithm(&self) -> &'static str {
        "ES256"
    }

    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        self.pair.sign(&self.random, message).ok().map(|signature| signature.as_ref().to_vec())
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.pair.public_key().as_ref());
        public.verify(message, signature).is_ok()
    }

    /// The point as RFC 7518 writes it: both coordinates, 32 bytes each, after the byte that says so.
    fn public(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let (x, y) = point.get(1..).unwrap_or_default().split_at_checked(32).unwrap_or_default();
        json!({
            "use": "sig",
            "kty": "EC",
            "kid": self.id,
            "crv": "P-256",
            "alg": self.algorithm(),
            "x": URL_SAFE_NO_PAD.encode(x),
            "y": URL_SAFE_NO_PAD.encode(y),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_should_be_kept_and_know_what_it_signed() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("pki")).unwrap();
        let key = ServiceAccountKey::load_or_create(directory.path()).unwrap();
        let signature = key.sign(b"message").unwrap();
        assert_eq!(signature.len(), 64, "as JSON Web Signatures have it");
        let again = ServiceAccountKey::load_or_create(directory.path()).unwrap();
        assert_eq!(again.id(), key.id());
        assert!(again.verify(b"message", &signature));
        assert!(!again.verify(b"massage", &signature));
        let other = ServiceAccountKey::parse(&KeyPair::generate().unwrap().serialize_pem()).unwrap();
        assert!(!other.verify(b"message", &signature));
        let public = key.public();
        let length = |name: &str| URL_SAFE_NO_PAD.decode(public[name].as_str().unwrap()).unwrap().len();
        assert_eq!((length("x"), length("y")), (32, 32));
        fs::write(directory.path().join("pki/sa.key"), "nonsense").unwrap();
        assert!(ServiceAccountKey::load_or_create(directory.path()).is_err());
    }
}
