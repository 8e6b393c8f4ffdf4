#pragma once
// The program taxgate, run as a process against the real local API server with a scripted gateway behind it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>
#include <thread>

#include "daemon/api/server.h"
#include "protocol/json_form.h"
#include "tests/system/cli_gateway.h"

namespace taxgate::tests {

namespace fs = std::filesystem;

inline std::string read_all(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

struct Outcome {
  int exit = -1;
  std::string out, err;
};

class Cli : public testing::Test {
 protected:
  Cli()
      : directory_(fs::temp_directory_path() /
                   ("taxgate-cli-" + std::to_string(getpid()) + "-" + std::to_string(next_++))) {
    fs::create_directories(directory_);
    api::Settings settings;
    settings.socket_path = directory_ / "api.sock";
    settings.tcp = true;
    thread_ = std::thread([this] { io_.run(); });
    on_io([&] {
      server_ = std::make_unique<api::Server>(io_, settings, gateway_, gateway_);
      const auto started = server_->start();
      EXPECT_TRUE(started) << (started ? "" : started.error().id);
    });
  }
  ~Cli() override {
    on_io([&] { server_.reset(); });
    work_.reset();
    thread_.join();
    fs::remove_all(directory_);
  }

  template <class F>
  void on_io(F f) {
    std::promise<void> done;
    boost::asio::post(io_, [&] {
      f();
      done.set_value();
    });
    done.get_future().get();
  }

  /// Runs taxgate with these words against the server's socket (unless the words name another place), English by
  /// default.
  Outcome run(std::vector<std::string> words, const std::string& language = "C", bool with_socket = true) {
    if (with_socket) words.insert(words.begin(), {"--socket", (directory_ / "api.sock").string()});
    words.insert(words.begin(), std::string(TAXGATE_BIN_DIR) + "/taxgate");
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const auto out = directory_ / "out", err = directory_ / "err";
    // The test and the server's thread share the gateway and meet through a child process and a socket, which no memory
    // model sees: hand over explicitly, there and back.
    on_io([] {});
    const pid_t child = fork();
    if (child == 0) {
      for (const char* name : {"LC_ALL", "LC_MESSAGES", "TAXGATE_SOCKET", "TAXGATE_URL", "TAXGATE_TOKEN_FILE",
                               "TAXGATE_CA", "TAXGATE_CERTIFICATE", "TAXGATE_PRIVATE_KEY"})
        unsetenv(name);
      setenv("LANG", language.c_str(), 1);
      dup2(open(out.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600), 1);
      dup2(open(err.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600), 2);
      execv(argv[0], argv.data());
      _exit(127);
    }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status)) << "ended by signal " << WTERMSIG(status);
    on_io([] {});
    return {WEXITSTATUS(status), read_all(out), read_all(err)};
  }

  static v1::Submission submission(const std::string& state) {
    v1::Submission s;
    s.set_id("01987c3e-0000-7000-8000-000000000001");
    s.set_kind("red");
    s.set_state(state);
    s.set_track("confirmation_form");
    s.set_seller("91310115TGDM00011U");
    s.set_buyer("张三丰");
    s.set_blue_number("26990000000000000001");
    s.set_reason("02");
    s.set_amount("-300000.00");
    s.set_tax("-39000.00");
    s.set_channel("simulator");
    s.set_form_number("99012611000000000001");
    s.set_key_serial("TGK0001");
    s.set_final(state == "issued" || state == "void" || state == "refused");
    return s;
  }
  static void add_row(v1::Submission& s, std::uint64_t seq, const std::string& event,
                      const std::string& reference = {}) {
    auto& row = *s.add_timeline();
    row.set_seq(seq);
    row.set_at("2026-11-22T10:19:5" + std::to_string(seq % 10) + ".123+08:00");
    row.set_event(event);
    row.set_state(s.state());
    row.set_principal("local:root");
    row.set_reference(reference);
  }

  static inline int next_ = 0;
  fs::path directory_;
  CliGateway gateway_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
  std::thread thread_;
  std::unique_ptr<api::Server> server_;
};

}  // namespace taxgate::tests
