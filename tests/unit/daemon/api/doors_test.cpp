// Who is let in: each listener, each credential, each role.
#include <sys/stat.h>

#include <fstream>

#include "daemon/api/routes.h"
#include "daemon/api/session.h"
#include "tests/unit/daemon/api/api_fixture.h"
#include "tests/unit/daemon/api/test_certificates.h"

namespace taxgate::api {
namespace {

using ApiDoors = ApiTest;

TEST_F(ApiDoors, TheUnixSocketKnowsItsPeerByUidAndTheDaemonsOwnUserIsAdmin) {
  start();
  EXPECT_EQ(local().request("GET", "/v1/callers").status, 200);
  const auto uid = static_cast<std::int64_t>(::geteuid());
  // An explicit entry replaces what the uid would be by itself.
  on_io([&] { return directory_.uids[uid] = Caller{"erp", {"auditor"}, {"T1"}}; });
  auto client = local();
  EXPECT_EQ(client.request("GET", "/v1/status").status, 200);
  EXPECT_EQ(on_io([this] { return gateway_.callers.back().name; }), "erp");
  EXPECT_EQ(on_io([this] { return gateway_.callers.back().taxpayers; }), std::vector<std::string>{"T1"});
  EXPECT_EQ(client.request("GET", "/v1/callers").status, 403);
}

TEST_F(ApiDoors, AnUnknownUidIsRefusedWithASentence) {
  start();
  struct Host final : SessionHost {
    using SessionHost::SessionHost;
    std::int64_t now_ms() const override { return 0; }
    void deadline_set(std::int64_t) override {}
  } host(Settings{}, gateway_, directory_);
  const auto caller =
      authenticate(host, {.door = Credential::Door::unix_socket, .uid = 54321, .certificate_sha256 = {}}, {});
  ASSERT_FALSE(caller);
  EXPECT_EQ(caller.error().id, "api.unauthorized");
  EXPECT_EQ(caller.error().wanted, "uid 54321");
  EXPECT_EQ(status_of(caller.error()), 401);
  EXPECT_TRUE(authenticate(host, {.door = Credential::Door::unix_socket, .uid = 0, .certificate_sha256 = {}}, {}));
  // A token is no way in at the Unix socket's door.
  EXPECT_FALSE(authenticate(host, {.door = Credential::Door::unix_socket, .uid = 54321, .certificate_sha256 = {}},
                            "Bearer " + kToken));
}

TEST_F(ApiDoors, LoopbackTcpWantsTheToken) {
  start();
  auto client = tcp();
  const auto none = client.request("GET", "/v1/status");
  EXPECT_EQ(none.status, 401);
  EXPECT_EQ(code(none), "api.unauthorized");
  EXPECT_EQ(none.headers.at("www-authenticate"), "Bearer realm=\"taxgate\"");
  EXPECT_NE(parsed(none).at("message_zh").as_string(), "");
  EXPECT_EQ(client.request("GET", "/v1/status", {}, {{"Authorization", "Bearer wrong-wrong-wrong-wrong"}}).status, 401);
  EXPECT_EQ(client.request("GET", "/v1/status", {}, {{"Authorization", "Basic " + kToken}}).status, 401);
  EXPECT_EQ(client.request("GET", "/v1/status", {}, {{"Authorization", "Bearer"}}).status, 401);
  EXPECT_EQ(client.request("GET", "/v1/status", {}, {{"Authorization", "bearer " + kToken}}).status, 200);
  EXPECT_EQ(on_io([this] { return gateway_.callers.back().name; }), "local:token");
}

TEST_F(ApiDoors, ARegisteredTokenIsItsOwnCallerUntilItIsRemoved) {
  start();
  const std::string token = "another-token-of-the-erp";
  on_io([&] { return directory_.tokens[sha256_hex(token)] = Caller{"erp", {"submitter"}, {}}; });
  auto client = tcp();
  EXPECT_EQ(client.request("GET", "/v1/status", {}, {{"Authorization", "Bearer " + token}}).status, 200);
  EXPECT_EQ(on_io([this] { return gateway_.callers.back().name; }), "erp");
  on_io([&] { return directory_.tokens.clear(), 0; });
  EXPECT_EQ(client.request("GET", "/v1/status", {}, {{"Authorization", "Bearer " + token}}).status, 401);
}

TEST_F(ApiDoors, AStrangerLearnsNothingAboutWhatExists) {
  start();
  auto client = tcp();
  EXPECT_EQ(client.request("GET", "/v1/nothing-here").status, 401);
  EXPECT_EQ(client.request("DELETE", "/v1/status").status, 401);
  EXPECT_EQ(client.request("GET", "/v1/openapi.json").status, 200);
  EXPECT_EQ(client.request("GET", "/v1/healthz").status, 200);
}

TEST_F(ApiDoors, MutualTlsKnowsItsPeerByCertificate) {
  const TestIdentity ca = TestIdentity::make("Test CA", nullptr), server = TestIdentity::make("localhost", &ca),
                     erp = TestIdentity::make("erp", &ca), other = TestIdentity::make("other", &ca);
  const auto path = [this](const char* name) { return (directory_path_ / name).string(); };
  ca.write(path("ca.pem"), {});
  server.write(path("server.pem"), path("server.key"));
  settings_.tls = true;
  settings_.tls_address = "127.0.0.1";
  settings_.tls_certificate = path("server.pem");
  settings_.tls_key = path("server.key");
  settings_.tls_client_ca = path("ca.pem");
  start();
  on_io([&] { return directory_.certificates[sha256_hex(erp.der())] = Caller{"erp", {"submitter"}, {}}; });
  const auto port = on_io([this] { return server_->tls_port(); });
  const auto connect = [&](const TestIdentity* identity) {
    std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
    SSL_CTX_load_verify_file(context.get(), path("ca.pem").c_str());
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    if (identity) {
      SSL_CTX_use_certificate(context.get(), identity->certificate.get());
      SSL_CTX_use_PrivateKey(context.get(), identity->key.get());
    }
    auto client = TestClient::tcp(port);
    // TLS 1.3 tells the client only at its first read that its certificate was refused.
    if (!client.start_tls(context.get())) return Answer{};
    return client.request("POST", "/v1/submissions", kMinimal, {{"Idempotency-Key", "t1"}});
  };
  const auto known = connect(&erp);
  EXPECT_EQ(known.status, 201);
  EXPECT_EQ(on_io([this] { return gateway_.callers.back().name; }), "erp");
  const auto unknown = connect(&other);
  EXPECT_EQ(unknown.status, 401);
  EXPECT_EQ(parsed(unknown).at("wanted").as_string(), "certificate " + sha256_hex(other.der()).substr(0, 16));
  EXPECT_EQ(connect(nullptr).status, 0);
  const TestIdentity foreign_ca = TestIdentity::make("Foreign CA", nullptr),
                     forged = TestIdentity::make("erp", &foreign_ca);
  EXPECT_EQ(connect(&forged).status, 0);
  EXPECT_EQ(connect(&erp).status, 200);  // the listener survives all that
}

// Written out by hand, as docs/api.md promises it, so that a slip in the route table shows.
struct Promise {
  std::string_view method, target, roles;
};
constexpr std::string_view kEveryRole = "submitter approver operator auditor admin";
constexpr Promise kPromises[] = {
    {"POST", "/v1/submissions", "submitter admin"},
    {"POST", "/v1/check", kEveryRole},
    {"GET", "/metrics", kEveryRole},
    {"GET", "/v1/sync/preflight", "operator auditor admin"},
    {"GET", "/v1/sync/audit", "operator auditor admin"},
    {"GET", "/v1/submissions", kEveryRole},
    {"GET", "/v1/submissions/s1", kEveryRole},
    {"GET", "/v1/submissions/s1/signatures", kEveryRole},
    {"POST", "/v1/submissions/s1/cancel", "submitter operator admin"},
    {"POST", "/v1/submissions/s1/retry", "operator admin"},
    {"POST", "/v1/submissions/s1/resolve", "operator admin"},
    {"POST", "/v1/submissions/s1/hold", "operator admin"},
    {"POST", "/v1/submissions/s1/release", "operator admin"},
    {"POST", "/v1/submissions/s1/approve", "approver admin"},
    {"POST", "/v1/submissions/s1/deny", "approver admin"},
    {"GET", "/v1/inbox", kEveryRole},
    {"POST", "/v1/inbox/u1/confirm", "submitter operator admin"},
    {"POST", "/v1/inbox/u1/deny", "submitter operator admin"},
    {"POST", "/v1/inbox/u1/revoke", "submitter operator admin"},
    {"GET", "/v1/events", kEveryRole},
    {"POST", "/v1/invoices:import", "submitter operator admin"},
    {"GET", "/v1/invoices", kEveryRole},
    {"GET", "/v1/invoices/1", kEveryRole},
    {"GET", "/v1/keys", kEveryRole},
    {"POST", "/v1/keys/K1/lease", "operator admin"},
    {"POST", "/v1/keys/K1/release", "operator admin"},
    {"GET", "/v1/status", kEveryRole},
    {"GET", "/v1/holds", kEveryRole},
    {"POST", "/v1/holds", "operator admin"},
    {"POST", "/v1/holds/release", "operator admin"},
    {"GET", "/v1/credit", kEveryRole},
    {"POST", "/v1/credit/filed", "operator admin"},
    {"POST", "/v1/credit/adjust", "operator admin"},
    {"GET", "/v1/sync", kEveryRole},
    {"POST", "/v1/sync", "operator admin"},
    {"GET", "/v1/sync/plan", kEveryRole},
    {"GET", "/v1/sync/runs", kEveryRole},
    {"GET", "/v1/sync/runs/1", kEveryRole},
    {"POST", "/v1/sync/runs/1/approve", "approver admin"},
    {"GET", "/v1/callers", "admin"},
    {"POST", "/v1/callers", "admin"},
    {"DELETE", "/v1/callers/c1", "admin"},
};

TEST_F(ApiDoors, EveryRouteIsClosedToACallerWithoutItsRole) {
  start();
  const std::string token = "a-token-of-some-length";
  auto client = tcp();
  for (const Promise& promise : kPromises) {
    for (const std::string_view role : {"", "submitter", "approver", "operator", "auditor", "admin", "stranger"}) {
      on_io([&] {
        Caller caller{"c", {}, {}};
        if (!role.empty()) caller.roles.emplace_back(role);
        return directory_.tokens[sha256_hex(token)] = caller;
      });
      const auto answer = client.request(promise.method, promise.target, "{}", {{"Authorization", "Bearer " + token}});
      const bool allowed =
          !role.empty() &&
          (" " + std::string(promise.roles) + " ").find(" " + std::string(role) + " ") != std::string::npos;
      EXPECT_EQ(answer.status == 403, !allowed)
          << promise.method << " " << promise.target << " as '" << role << "' " << answer.status;
      if (!allowed) {
        EXPECT_EQ(code(answer), "api.forbidden");
      }
    }
  }
  const auto closed =
      std::ranges::count_if(routes(), [](const Route& route) { return route.access != Access::anyone; });
  EXPECT_EQ(static_cast<std::size_t>(closed), std::size(kPromises));
}

TEST_F(ApiDoors, ASecondServerOnTheSocketIsRefusedAndAStaleFileIsReplaced) {
  start();
  Settings again = settings_;
  again.tcp = false;
  const auto second = on_io([&] { return Server(io_, again, gateway_, directory_).start(); });
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().id, "api.socket_in_use");
  EXPECT_EQ(local().request("GET", "/v1/healthz").status, 200);  // and the first one's file is still there
  stop();
  EXPECT_FALSE(std::filesystem::exists(settings_.socket_path));
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);  // a daemon that was killed leaves its file
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, settings_.socket_path.c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ::close(fd);
  start();
  EXPECT_EQ(local().request("GET", "/v1/healthz").status, 200);
}

TEST_F(ApiDoors, ListenersThatCannotOpenAreNamed) {
  const auto refused_id = [this](const Settings& settings) {
    Server server(io_, settings, gateway_, directory_);
    const auto started = server.start();
    return started ? std::string("started") : started.error().id;
  };
  Settings s;
  s.tcp = true;
  s.tcp_address = "0.0.0.0";
  EXPECT_EQ(refused_id(s), "api.not_loopback");
  s.tcp_address = "no address";
  EXPECT_EQ(refused_id(s), "api.listen");
  s = {};
  s.socket_path = directory_path_ / "missing" / "api.sock";
  EXPECT_EQ(refused_id(s), "api.listen");
  s.socket_path = std::string(200, 'x');
  EXPECT_EQ(refused_id(s), "api.listen");
  s.socket_path = directory_path_ / "file";
  std::ofstream(s.socket_path) << "precious";
  EXPECT_EQ(refused_id(s), "api.listen");
  EXPECT_TRUE(std::filesystem::exists(s.socket_path));  // never deletes what is not a socket
  s = {};
  s.tls = true;
  s.tls_certificate = directory_path_ / "none.pem";
  EXPECT_EQ(refused_id(s), "api.tls_files");
}

TEST_F(ApiDoors, ATokenFileMustBeOursAloneAndHoldOneToken) {
  const std::string path = directory_path_ / "token";
  const auto written = [&](const std::string& text, mode_t mode) {
    std::ofstream(path, std::ios::trunc) << text;
    ::chmod(path.c_str(), mode);
    return token_file_sha256(path);
  };
  const auto good = written(kToken + "\n", 0600);
  ASSERT_TRUE(good);
  EXPECT_EQ(*good, sha256_hex(kToken));
  EXPECT_EQ(written(kToken, 0644).error().id, "secret.mode");
  EXPECT_EQ(written("short", 0600).error().id, "api.token_file");
  EXPECT_EQ(written("two tokens are not one token", 0600).error().id, "api.token_file");
  EXPECT_FALSE(written("", 0600));
}

}  // namespace
}  // namespace taxgate::api
