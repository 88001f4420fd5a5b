//! The image `redis` under a client library that nobody here wrote, through port-forward.

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use redis::aio::{MultiplexedConnection, PubSub};
use redis::{
    AsyncCommands as _, AsyncConnectionConfig, ErrorKind, RedisConnectionInfo, RedisResult, ServerErrorKind,
};
use serde_json::json;
use tests::Server;
use tests::eventually::eventually;
use tests::objects::{from_json, in_phase, namespace};

/// A redis pod with these arguments and a volume of the node at `/data`, ready to be asked.
async fn redis(pods: &Api<Pod>, name: &str, args: &[&str]) {
    let pod: Pod = from_json(json!({
        "metadata": { "name": name },
        "spec": {
            "terminationGracePeriodSeconds": 5,
            "containers": [{
                "name": "redis",
                "image": "redis:7",
                "args": args,
                "readinessProbe": { "exec": { "command": ["redis-cli", "ping"] }, "periodSeconds": 1 },
                "volumeMounts": [{ "name": "data", "mountPath": "/data" }],
            }],
            "volumes": [{ "name": "data", "emptyDir": {} }],
        },
    }));
    pods.create(&PostParams::default(), &pod).await.unwrap();
    ready(pods, name, 0).await;
}

/// Waits until the pod is ready after so many restarts.
async fn ready(pods: &Api<Pod>, name: &str, restarts: i32) {
    in_phase(pods, name, "Running").await;
    eventually("redis is ready", async || {
        let status = pods.get(name).await?.status.unwrap_or_default();
        let containers = status.container_statuses.unwrap_or_default();
        let is_ready = containers.iter().any(|status| status.ready && status.restart_count >= restarts);
        anyhow::ensure!(is_ready, "{containers:?}");
        Ok(())
    })
    .await;
}

/// A connection of the library's through the API server.
async fn connect(
    pods: &Api<Pod>,
    name: &str,
    info: RedisConnectionInfo,
) -> RedisResult<MultiplexedConnection> {
    let stream = pods.portforward(name, &[6379]).await.unwrap().take_stream(6379).unwrap();
    let (connection, driver) =
        MultiplexedConnection::new_with_config(&info, stream, AsyncConnectionConfig::default()).await?;
    tokio::spawn(driver);
    Ok(connection)
}

#[tokio::test]
async fn a_client_library_should_find_a_redis() {
    let server = Server::shared();
    let client = server.client().await.unwrap();
    namespace(&client, "redis-library").await.unwrap();
    let pods = Api::<Pod>::namespaced(client, "redis-library");
    redis(&pods, "redis", &[]).await;
    let mut redis = connect(&pods, "redis", RedisConnectionInfo::default()).await.unwrap();

    redis.set::<_, _, ()>("answer", 42).await.unwrap();
    let sum: i64 = redis.incr("answer", 1).await.unwrap();
    let _: () = redis.set_ex("soon", "gone", 1).await.unwrap();
    let length: usize = redis.rpush("list", &["a", "b", "c"]).await.unwrap();
    let list: Vec<String> = redis.lrange("list", 0, -1).await.unwrap();
    let _: () = redis.hset_multiple("hash", &[("x", 1), ("y", 2)]).await.unwrap();
    let hash: std::collections::BTreeMap<String, i64> = redis.hgetall("hash").await.unwrap();
    assert_eq!((sum, length, list.join("")), (43, 3, "abc".to_owned()));
    assert_eq!(hash.into_iter().collect::<Vec<_>>(), [("x".to_owned(), 1), ("y".to_owned(), 2)]);
    let _: () = redis.zadd_multiple("zset", &[(2.5, "b"), (1.0, "a")]).await.unwrap();
    let members: Vec<(String, f64)> = redis.zrange_withscores("zset", 0, -1).await.unwrap();
    assert_eq!(members, [("a".to_owned(), 1.0), ("b".to_owned(), 2.5)]);

    let both: (i64, String) =
        redis::pipe().atomic().incr("n", 5).get("n").query_async(&mut redis).await.unwrap();
    assert_eq!(both, (5, "5".to_owned()));
    let wrong = redis.lpop::<_, String>("answer", None).await.unwrap_err();
    assert!(format!("{wrong}").contains("WRONGTYPE"), "{wrong}");
    let unknown = redis::cmd("EVAL").arg("return 1").arg(0).query_async::<i64>(&mut redis).await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::Server(ServerErrorKind::ResponseError), "{unknown}");
    eventually("a key expires", async || {
        let keys: Vec<String> = redis.clone().keys("soon").await?;
        anyhow::ensure!(keys.is_empty(), "{keys:?}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_client_that_waits_should_not_stop_another() {
    let server = Server::shared();
    let client = server.client().await.unwrap();
    namespace(&client, "redis-waiting").await.unwrap();
    let pods = Api::<Pod>::namespaced(client, "redis-waiting");
    redis(&pods, "redis", &[]).await;
    // One connection says nothing at all, one waits for a list, one listens.
    let _idle = pods.portforward("redis", &[6379]).await.unwrap();
    let mut waiting = connect(&pods, "redis", RedisConnectionInfo::default()).await.unwrap();
    waiting.set_response_timeout(tests::eventually::LIMIT);
    let popped = tokio::spawn(async move { waiting.blpop::<_, (String, String)>("jobs", 0.0).await });
    let stream = pods.portforward("redis", &[6379]).await.unwrap().take_stream(6379).unwrap();
    let mut listener = PubSub::new(&RedisConnectionInfo::default(), stream).await.unwrap();
    listener.subscribe("news").await.unwrap();

    let mut redis = connect(&pods, "redis", RedisConnectionInfo::default()).await.unwrap();
    let heard: i64 = redis.publish("news", "hello").await.unwrap();
    assert_eq!(heard, 1);
    let message = futures::StreamExt::next(&mut listener.on_message()).await.unwrap();
    assert_eq!(message.get_payload::<String>().unwrap(), "hello");
    let _: i64 = redis.rpush("jobs", "one").await.unwrap();
    assert_eq!(popped.await.unwrap().unwrap(), ("jobs".to_owned(), "one".to_owned()));
}

#[tokio::test]
async fn a_work_queue_and_a_guestbook_should_be_kept() {
    let server = Server::shared();
    let client = server.client().await.unwrap();
    namespace(&client, "redis-queue").await.unwrap();
    let pods = Api::<Pod>::namespaced(client, "redis-queue");
    redis(&pods, "redis", &[]).await;
    let mut redis = connect(&pods, "redis", RedisConnectionInfo::default()).await.unwrap();

    // The work queue of Kubernetes' tasks: jobs wait in a list, and one under way lies in another.
    let waiting: i64 = redis.lpush("jobs", &["one", "two", "three"]).await.unwrap();
    let begun: String = redis.rpoplpush("jobs", "processing").await.unwrap();
    let moved: String = redis::cmd("LMOVE")
        .arg(&["jobs", "processing", "RIGHT", "LEFT"])
        .query_async(&mut redis)
        .await
        .unwrap();
    let popped: (String, String) = redis.brpop("jobs", 1.0).await.unwrap();
    assert_eq!((waiting, begun.as_str(), moved.as_str(), popped.1.as_str()), (3, "one", "two", "three"));
    let left: (i64, i64) = (redis.llen("jobs").await.unwrap(), redis.llen("processing").await.unwrap());
    assert_eq!(left, (0, 2));
    let done: i64 = redis.lrem("processing", 1, "one").await.unwrap();
    let under_way: Vec<String> = redis.lrange("processing", 0, -1).await.unwrap();
    assert_eq!((done, under_way), (1, vec!["two".to_owned()]));

    // The guestbook: entries, how often it was asked, who wrote, and the keys of all of it.
    let _: i64 = redis.rpush("guestbook", &["hello", "안녕하세요"]).await.unwrap();
    let _: () = redis.ltrim("guestbook", -10, -1).await.unwrap();
    let last: String = redis.lindex("guestbook", -1).await.unwrap();
    let asked: i64 = redis.incr("visits", 2).await.unwrap();
    let new: i64 = redis.sadd("guests", &["kim", "lee", "kim"]).await.unwrap();
    assert_eq!((last.as_str(), asked, new), ("안녕하세요", 2, 2));
    let mut other = redis.clone();
    let mut found = other.scan_match::<_, String>("g*").await.unwrap();
    let mut keys = Vec::new();
    while let Some(key) = found.next_item().await {
        keys.push(key.unwrap());
    }
    keys.sort();
    assert_eq!(keys, ["guestbook", "guests"]);
    let about: redis::InfoDict = redis::cmd("INFO").query_async(&mut redis).await.unwrap();
    assert!(
        about.get::<String>("redis_version").is_some() && about.get::<u64>("connected_clients").is_some()
    );
}

#[tokio::test]
async fn an_append_only_file_should_keep_data_behind_a_password() {
    let server = Server::shared();
    let client = server.client().await.unwrap();
    namespace(&client, "redis-file").await.unwrap();
    let pods = Api::<Pod>::namespaced(client, "redis-file");
    redis(&pods, "redis", &["--appendonly", "yes", "--appendfsync", "always", "--requirepass", "secret"])
        .await;
    let refused = connect(&pods, "redis", RedisConnectionInfo::default()).await.unwrap();
    let refusal = refused.clone().get::<_, Option<String>>("kept").await.unwrap_err();
    assert!(format!("{refusal}").contains("Authentication required"), "{refusal}");
    let trusted = || RedisConnectionInfo::default().set_password("secret");
    let mut redis = connect(&pods, "redis", trusted()).await.unwrap();
    let _: () = redis.set("kept", "value").await.unwrap();
    // The program ends, and the kubelet starts it again with the same volume.
    let _ = redis::cmd("SHUTDOWN").query_async::<()>(&mut redis).await;
    ready(&pods, "redis", 1).await;
    let mut again = connect(&pods, "redis", trusted()).await.unwrap();
    let value: String = again.get("kept").await.unwrap();
    assert_eq!(value, "value");
    pods.delete("redis", &DeleteParams::default()).await.unwrap();
}
