use guardrail::{Guardrail, SigningKey, storage::MemoryStore};

async fn without_store(key: SigningKey) {
    let _ = Guardrail::builder().signing_key(key).build().await;
}

async fn without_key() {
    let _ = Guardrail::builder().store(MemoryStore::new()).build().await;
}

fn main() {}
