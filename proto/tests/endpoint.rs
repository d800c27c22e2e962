//! Where a host listens, on a real file system.
#![cfg(all(feature = "transport", unix))]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use stook_proto::transport::{Endpoint, EndpointError, Obstacle};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn endpoint(dir: &tempfile::TempDir) -> Endpoint {
    Endpoint::in_directory(dir.path().join("stook"))
}

fn is_empty(dir: &Path) -> bool {
    fs::read_dir(dir).expect("readable").next().is_none()
}

#[tokio::test]
async fn both_ends_meet_and_leave_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let lock = endpoint(&dir).lock().expect("free");
    let listener = lock.bind().await.expect("free");
    let (client, accepted) = tokio::join!(lock.endpoint().connect(), listener.accept());
    let (client, (server, peer)) = (client.expect("connects"), accepted.expect("accepted"));
    assert!(peer.is_ours());
    if cfg!(target_os = "linux") {
        assert_eq!(peer.pid, Some(std::process::id()));
    }
    (&client).write_all(b"sheaf").await.expect("open");
    let mut bytes = [0; 5];
    (&server).read_exact(&mut bytes).await.expect("open");
    assert_eq!(&bytes, b"sheaf");
    drop((listener, lock));
    assert!(is_empty(dir.path()));
}

#[tokio::test]
async fn a_second_host_is_refused_and_harms_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let lock = endpoint(&dir).lock().expect("free");
    let listener = lock.bind().await.expect("free");
    match endpoint(&dir).lock() {
        Err(EndpointError::HostRunning { pid, .. }) => assert_eq!(pid, Some(std::process::id())),
        other => panic!("{other:?}"),
    }
    let (client, accepted) = tokio::join!(lock.endpoint().connect(), listener.accept());
    assert!(client.is_ok() && accepted.is_ok());
}

#[tokio::test]
async fn what_is_in_the_way_stays() {
    let check = async |what: Obstacle, put: fn(&Path) -> Option<UnixListener>| {
        let dir = tempfile::tempdir().expect("a directory");
        let lock = endpoint(&dir).lock().expect("free");
        let socket = lock.endpoint().directory().join("socket");
        let _alive = put(&socket);
        match lock.bind().await {
            Err(EndpointError::InTheWay { what: found, path }) => {
                assert_eq!((found, path), (what, socket.clone()))
            }
            other => panic!("{what:?}: {other:?}"),
        }
        assert!(fs::symlink_metadata(&socket).is_ok());
    };
    check(Obstacle::File, |path| fs::write(path, "x").map(|()| None).expect("written")).await;
    check(Obstacle::Directory, |path| fs::create_dir(path).map(|()| None).expect("made")).await;
    check(Obstacle::Symlink, |path| symlink("elsewhere", path).map(|()| None).expect("linked")).await;
    check(Obstacle::LiveSocket, |path| Some(UnixListener::bind(path).expect("bound"))).await;
}

#[tokio::test]
async fn our_own_dead_socket_is_replaced() {
    let dir = tempfile::tempdir().expect("a directory");
    let lock = endpoint(&dir).lock().expect("free");
    drop(UnixListener::bind(lock.endpoint().directory().join("socket")).expect("bound"));
    assert!(matches!(lock.endpoint().connect().await, Err(EndpointError::NoHost { .. })));
    assert!(lock.bind().await.is_ok());
}

#[tokio::test]
async fn directories_must_be_private() {
    let dir = tempfile::tempdir().expect("a directory");
    let check = async |path: &Path, text: &str| {
        let endpoint = Endpoint::in_directory(path);
        let connecting = endpoint.connect().await.map(|_| ());
        for error in [endpoint.lock().map(|_| ()).unwrap_err(), connecting.unwrap_err()] {
            assert!(matches!(error, EndpointError::NotPrivate { .. }), "{error}");
            assert!(error.to_string().contains(text), "{error}");
        }
    };
    let open = dir.path().join("open");
    fs::create_dir(&open).expect("made");
    fs::set_permissions(&open, Permissions::from_mode(0o755)).expect("ours");
    check(&open, "its mode 755 lets others in; run: chmod 700").await;
    let link = dir.path().join("link");
    symlink(&open, &link).expect("linked");
    check(&link, "it is a symbolic link").await;
    let file = dir.path().join("file");
    fs::write(&file, "").expect("written");
    check(&file, "it is no directory").await;
}

#[tokio::test]
async fn long_paths_and_strange_names() {
    let dir = tempfile::tempdir().expect("a directory");
    let lock = Endpoint::in_directory(dir.path().join("x".repeat(100))).lock().expect("free");
    let error = lock.bind().await.unwrap_err();
    assert!(matches!(error, EndpointError::PathTooLong { .. }), "{error}");
    for name in ["", "..", ".x", "a/b", "ä"] {
        assert!(matches!(Endpoint::of_host(name), Err(EndpointError::Name(_))), "{name}");
    }
    assert!(matches!(
        Endpoint::in_directory(dir.path().join("nobody")).connect().await,
        Err(EndpointError::NoHost { .. })
    ));
}
