// Findings about the world around: a full file system, certificates past their time, a platform whose clock differs.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

#include "cli/doctor/finding.h"
#include "daemon/core/files.h"
#include "simulator/device/key_authority.h"

namespace taxgate::doctor {
namespace {

namespace fs = std::filesystem;

class World : public testing::Test {
 protected:
  World() {
    std::string pattern = fs::temp_directory_path() / "taxgate-world-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    scene_.config.emplace();
  }
  ~World() override { fs::remove_all(directory_); }
  std::string ids(Check check) {
    Findings all;
    check(scene_, all);
    std::string text;
    for (const auto& one : all)
      text += fmt::format("{}{}:{}", text.empty() ? "" : " ", one.error.id, static_cast<int>(one.severity));
    return text;
  }

  std::string directory_;
  Scene scene_;
};

TEST_F(World, AFullFileSystemIsFailingAndASmallOneNeedsAttention) {
  // In a child with mounts of its own; what is mounted there goes with it.
  const pid_t child = ::fork();
  if (child == 0) {
    if (::unshare(::geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) != 0) ::_exit(10);
    ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    if (::mount("tmpfs", directory_.c_str(), "tmpfs", 0, "size=512m") != 0) ::_exit(11);
    scene_.config->state_dir = directory_;
    if (ids(check_disk_space) != "doctor.disk_space:1") ::_exit(12);
    if (::mount("tmpfs", directory_.c_str(), "tmpfs", 0, "size=1m") != 0) ::_exit(13);
    std::ofstream(directory_ + "/fill") << std::string(2U << 20, 'x');
    ::_exit(ids(check_disk_space) == "doctor.disk_space:2" ? 0 : 14);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(World, CertificateFilesAreReadExpiredOnesAndThoseThatSoonWillBeAreNamed) {
  constexpr std::int64_t kDay = 86'400'000;
  const std::int64_t now = std::int64_t{std::time(nullptr)} * 1000;
  scene_.config->platform.ca_file = directory_ + "/ca.pem";
  const auto issued = [&](std::int64_t at) {
    std::ofstream(scene_.config->platform.ca_file) << simulator::KeyAuthority::create("CA", at).certificate_pem();
  };
  EXPECT_EQ(ids(check_certificate_files), "doctor.certificate_file:2") << "not there";
  issued(now);
  EXPECT_EQ(ids(check_certificate_files), "");
  issued(now - 3700 * kDay);  // an authority's certificate is good for ten years
  EXPECT_EQ(ids(check_certificate_files), "doctor.certificate_expired:2");
  issued(now - 3640 * kDay);
  EXPECT_EQ(ids(check_certificate_files), "doctor.certificate_expires:1");
}

/// Answers one TLS connection with these bytes.
class OneAnswer {
 public:
  OneAnswer(const std::string& directory, std::string answer)
      : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const std::string make = fmt::format(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {0}/k.pem -out {0}/c.pem -days 2 "
        "-subj /CN=platform -addext subjectAltName=IP:127.0.0.1 2>/dev/null",
        directory);
    EXPECT_EQ(std::system(make.c_str()), 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_.get(), 1), 0);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, directory, answer = std::move(answer)] {
      const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
      SSL_CTX_use_certificate_file(context.get(), (directory + "/c.pem").c_str(), SSL_FILETYPE_PEM);
      SSL_CTX_use_PrivateKey_file(context.get(), (directory + "/k.pem").c_str(), SSL_FILETYPE_PEM);
      const UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      const std::unique_ptr<SSL, decltype(&SSL_free)> tls(SSL_new(context.get()), &SSL_free);
      SSL_set_fd(tls.get(), fd.get());
      if (SSL_accept(tls.get()) != 1) return;
      char request[1024];
      (void)SSL_read(tls.get(), request, sizeof request);
      (void)SSL_write(tls.get(), answer.data(), static_cast<int>(answer.size()));
      SSL_shutdown(tls.get());
    });
  }
  ~OneAnswer() { thread_.join(); }
  OneAnswer(const OneAnswer&) = delete;
  OneAnswer& operator=(const OneAnswer&) = delete;
  std::string url() const { return fmt::format("https://127.0.0.1:{}/some/path", port_); }

 private:
  UniqueFd listener_;
  int port_ = 0;
  std::thread thread_;
};

std::string answer_dated(std::time_t when) {
  char date[64];
  std::tm civil{};
  ::gmtime_r(&when, &civil);
  std::strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &civil);
  return fmt::format("HTTP/1.1 405 Method Not Allowed\r\ndate: {}\r\nContent-Length: 0\r\n\r\n", date);
}

TEST_F(World, ThePlatformsDateTellsHowFarThisClockIsOff) {
  scene_.config->platform.ca_file = directory_ + "/c.pem";
  const auto ask = [&](const std::string& answer) {
    const OneAnswer platform(directory_, answer);
    scene_.config->platform.base_url = platform.url();
    return ids(check_platform);
  };
  EXPECT_EQ(ask(answer_dated(std::time(nullptr))), "");
  EXPECT_EQ(ask(answer_dated(std::time(nullptr) - 3600)), "doctor.clock:2");
  EXPECT_EQ(ask(answer_dated(std::time(nullptr) + 60)), "doctor.clock:2");
  EXPECT_EQ(ask("HTTP/1.1 200 OK\r\n\r\n"), "doctor.platform_date:0");
  EXPECT_EQ(ask("SSH-2.0-x\r\n"), "doctor.platform:2");
}

TEST_F(World, APlatformThatTheCaFileDoesNotKnowIsNotReached) {
  const OneAnswer platform(directory_, answer_dated(std::time(nullptr)));
  std::ofstream(directory_ + "/other.pem")
      << simulator::KeyAuthority::create("other", 1'700'000'000'000).certificate_pem();
  scene_.config->platform.ca_file = directory_ + "/other.pem";
  scene_.config->platform.base_url = platform.url();
  EXPECT_EQ(ids(check_platform), "doctor.platform:2");
}

}  // namespace
}  // namespace taxgate::doctor
