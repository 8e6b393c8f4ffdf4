// The command line from another machine: mutual TLS with the real API server.
#include <sys/stat.h>

#include "tests/system/cli_fixture.h"
#include "tests/unit/daemon/api/test_certificates.h"

namespace taxgate::tests {
namespace {

class CliOverTls : public Cli {
 protected:
  CliOverTls() {
    ca_.write(path("ca.pem"), {});
    foreign_.write(path("foreign.pem"), {});
    identity("server", TestIdentity::make("localhost", &ca_));
    identity("stranger", TestIdentity::make("stranger", &ca_));
    identity("forged", TestIdentity::make("erp", &foreign_));
    identity("elsewhere", TestIdentity::make("elsewhere.example", &ca_));  // and 127.0.0.1, like all of them
    const auto erp = TestIdentity::make("erp", &ca_);
    identity("erp", erp);
    gateway_.certificates[api::sha256_hex(erp.der())] = api::Caller{"erp", {"submitter"}, {}};
    serve_as("server");
  }

  void serve_as(const std::string& name) {
    api::Settings settings;
    settings.socket_path = directory_ / "tls.sock";
    settings.tls = true;
    settings.tls_address = "127.0.0.1";
    settings.tls_certificate = path(name + ".pem");
    settings.tls_key = path(name + ".key");
    settings.tls_client_ca = path("ca.pem");
    on_io([&] {
      server_.reset();
      server_ = std::make_unique<api::Server>(io_, settings, gateway_, gateway_);
      const auto started = server_->start();
      EXPECT_TRUE(started) << (started ? "" : started.error().id);
      port_ = server_->tls_port();
    });
  }

  std::string path(const std::string& name) const { return (directory_ / name).string(); }
  void identity(const std::string& name, const TestIdentity& made) const {
    made.write(path(name + ".pem"), path(name + ".key"));
    ::chmod(path(name + ".key").c_str(), 0600);
  }
  Outcome from_afar(const std::string& who, const std::string& host = "localhost", const std::string& ca = "ca.pem") {
    return run({"--url", "https://" + host + ":" + std::to_string(port_), "--certificate", path(who + ".pem"),
                "--private-key", path(who + ".key"), "--ca", path(ca), "list"},
               "C", false);
  }

  const TestIdentity ca_ = TestIdentity::make("Test CA", nullptr), foreign_ = TestIdentity::make("Foreign", nullptr);
  std::uint16_t port_ = 0;
};

TEST_F(CliOverTls, ReachesTheDaemonByNameAndByAddress) {
  gateway_.submissions.push_back(submission("issued"));
  for (const auto* host : {"localhost", "127.0.0.1"}) {
    const auto listed = from_afar("erp", host);
    EXPECT_EQ(listed.exit, 0) << listed.err;
    EXPECT_NE(listed.out.find("26990000000000000001"), std::string::npos) << listed.out;
  }
}

TEST_F(CliOverTls, NeitherSideTalksToAPeerItDoesNotKnow) {
  const auto forged = from_afar("forged");
  EXPECT_EQ(forged.exit, 2);
  EXPECT_NE(forged.err.find("cli.tls"), std::string::npos) << forged.err;
  const auto wrong_server = from_afar("erp", "localhost", "foreign.pem");
  EXPECT_EQ(wrong_server.exit, 2);
  EXPECT_NE(wrong_server.err.find("cli.tls"), std::string::npos) << wrong_server.err;
  serve_as("elsewhere");
  EXPECT_NE(from_afar("erp", "localhost").err.find("cli.tls"), std::string::npos);  // another machine's certificate
  serve_as("server");
  EXPECT_EQ(from_afar("stranger").exit, 2);  // vouched for, but registered for nothing
  EXPECT_TRUE(gateway_.calls.empty());
}

TEST_F(CliOverTls, AKeyThatOthersMayReadIsRefusedAndFilesAreNamed) {
  ::chmod(path("erp.key").c_str(), 0644);
  const auto open_key = from_afar("erp");
  EXPECT_EQ(open_key.exit, 2);
  EXPECT_NE(open_key.err.find("secret.mode"), std::string::npos) << open_key.err;
  const auto no_authority = from_afar("stranger", "localhost", "nowhere.pem");
  EXPECT_EQ(no_authority.exit, 2);
  EXPECT_NE(no_authority.err.find("nowhere.pem"), std::string::npos) << no_authority.err;
  const auto bare = run({"--url", "https://localhost:" + std::to_string(port_), "list"}, "C", false);
  EXPECT_EQ(bare.exit, 2);
  EXPECT_NE(bare.err.find("--certificate"), std::string::npos) << bare.err;
}

}  // namespace
}  // namespace taxgate::tests
