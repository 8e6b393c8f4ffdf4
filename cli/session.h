#pragma once
// A command's means: the connection, the screen and what was given. Every command is a function of a Session.
#include <optional>
#include <string>
#include <string_view>

#include "cli/arguments.h"
#include "cli/client.h"
#include "cli/masking.h"
#include "cli/screen.h"
#include "protocol/json_form.h"

namespace taxgate::cli {

/// What went wrong, ready to be shown, and the exit code that belongs to it.
struct Failed {
  api::v1::ErrorBody body;
  Exit exit = Exit::refused;
};
template <class T>
using Answer = std::expected<T, Failed>;

Failed failed(const Error& error);

class Session {
 public:
  Session(Given given, Screen screen, Endpoint endpoint)
      : given_(std::move(given)), screen_(screen), client_(std::move(endpoint)) {}

  const Given& given() const { return given_; }
  const Screen& screen() const { return screen_; }

  template <class Message>
  Answer<Message> get(const std::string& target, std::chrono::seconds wait = {}) {
    return ask<Message>(
        {.method = "GET", .target = target, .body = {}, .content_type = {}, .idempotency_key = {}, .wait = wait});
  }
  /// With natural persons' data in full whatever the screen shows: for what is sent on, not shown.
  template <class Message>
  Answer<Message> get_whole(const std::string& target) {
    Message message;
    Request request;
    request.target = target;
    request.content_type = {};
    if (auto problem = exchange(request, message)) return std::unexpected(std::move(*problem));
    return message;
  }
  template <class Message>
  Answer<Message> post(const std::string& target, const google::protobuf::Message& body) {
    return ask<Message>({.method = "POST", .target = target, .body = to_json(body), .idempotency_key = {}});
  }
  template <class Message>
  Answer<Message> ask(const Request& request) {
    Message message;
    if (auto problem = exchange(request, message)) return std::unexpected(std::move(*problem));
    if (!screen_.names) mask(message);
    return message;
  }

  /// With --json prints the message and returns true.
  bool json(const google::protobuf::Message& message) const;
  /// Text for a person, control characters replaced.
  void say(std::string_view text) const;
  /// The same under "channel: simulator" / "渠道: 模拟", which stands above every answer.
  void answer(std::string_view text) const;
  Exit report(const Failed& problem) const;

 private:
  std::optional<Failed> exchange(const Request& request, google::protobuf::Message& into);

  Given given_;
  Screen screen_;
  Client client_;
  std::string channel_;  // of the last answer
};

void report(const Screen& screen, const api::v1::ErrorBody& body);
std::string channel_line(const Screen& screen, std::string_view channel);

inline constexpr std::string_view kLargestPage = "500";  // of any list of the API

/// A path or query part with everything but letters, digits and "-._~" percent-encoded.
std::string encoded(std::string_view part);
/// Appends "?name=value" or "&name=value"; nothing for an empty value.
void add_query(std::string& target, std::string_view name, std::string_view value);

}  // namespace taxgate::cli
