#pragma once
// The whole server on real sockets with a fake gateway behind it.
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/json.hpp>
#include <filesystem>
#include <future>
#include <thread>

#include "daemon/api/server.h"
#include "tests/unit/daemon/api/fake_gateway.h"
#include "tests/unit/daemon/api/test_client.h"

namespace taxgate::api {

inline const std::string kToken = "correct-horse-battery-staple";

class ApiTest : public ::testing::Test {
 protected:
  ApiTest()
      : directory_path_(std::filesystem::temp_directory_path() /
                        ("taxgate-api-" + std::to_string(::getpid()) + "-" + std::to_string(next_++))) {
    std::filesystem::create_directories(directory_path_);
    settings_.socket_path = directory_path_ / "api.sock";
    settings_.tcp = true;
    settings_.token_sha256 = sha256_hex(kToken);
    settings_.sweep = std::chrono::milliseconds(10);
  }
  ~ApiTest() override {
    stop();
    std::filesystem::remove_all(directory_path_);
  }

  /// Runs on the server's thread and waits: how tests look at and change what that thread owns.
  template <class F>
  auto on_io(F f) {
    std::promise<decltype(f())> promise;
    auto result = promise.get_future();
    boost::asio::post(io_, [&] { promise.set_value(f()); });
    return result.get();
  }

  void start() {
    on_io_started_ = true;
    io_.restart();
    work_.emplace(io_.get_executor());
    thread_ = std::thread([this] { io_.run(); });
    const auto started = on_io([this] {
      server_ = std::make_unique<Server>(io_, settings_, gateway_, directory_);
      return server_->start();
    });
    ASSERT_TRUE(started) << started.error().id << " " << started.error().wanted;
  }
  void stop() {
    if (!on_io_started_) return;
    on_io_started_ = false;
    on_io([this] {
      server_.reset();
      return 0;
    });
    work_.reset();
    thread_.join();
  }
  /// True once `f` on the server's thread says so; gives up after some seconds.
  template <class F>
  bool eventually(F f) {
    for (int i = 0; i < 2000; ++i) {
      if (on_io(f)) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  TestClient local() { return TestClient::unix_socket(settings_.socket_path); }
  TestClient tcp() {
    return TestClient::tcp(on_io([this] { return server_->tcp_port(); }));
  }
  static boost::json::value parsed(const Answer& answer) { return boost::json::parse(answer.body); }
  static std::string code(const Answer& answer) {
    const auto value = parsed(answer);
    const auto* code = value.is_object() ? value.get_object().if_contains("code") : nullptr;
    return code ? std::string(code->get_string()) : "no code: " + answer.body;
  }

  static inline int next_ = 0;
  std::filesystem::path directory_path_;
  Settings settings_;
  boost::asio::io_context io_{1};
  FakeGateway gateway_;  // after io_: its unanswered replies go first
  FakeDirectory directory_;
  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> work_;
  std::thread thread_;
  std::unique_ptr<Server> server_;
  bool on_io_started_ = false;
};

inline const std::string kMinimal =
    R"({"seller":"91310115TGDM00011U","blue_number":"26990000000000000001","reason":"01"})";

}  // namespace taxgate::api
