#include "cli/session.h"

#include <fmt/format.h>

#include <cstdio>

namespace taxgate::cli {
namespace {

Exit exit_of(int status) {
  if (status == 429 || status == 503 || status == 504) return Exit::unreachable;
  if (status >= 500) return Exit::trouble;
  return Exit::refused;
}

Exit exit_of(Errc code) {
  switch (code) {
    case Errc::retry_later:
    case Errc::limit_reached:
    case Errc::outcome_unknown:
      return Exit::unreachable;
    case Errc::corrupt:
    case Errc::device_gone:
      return Exit::trouble;
    case Errc::invalid_input:
    case Errc::rejected:
      return Exit::refused;
  }
  return Exit::trouble;
}

bool read_body(const Response& response, google::protobuf::Message& into) {
  if (response.protobuf) return into.ParseFromString(response.body);
  return from_json(response.body, into).has_value();
}

void print(std::FILE* to, const Screen& screen, const api::v1::ErrorBody& body, std::string_view indent) {
  const std::string message = screen.pick(body.message(), body.message_zh());
  fmt::print(to, "{}{}  [{}]\n", indent, printable(message), printable(body.code()));
  Grid facts;
  const auto add = [&](std::string_view english, std::string_view zh, const std::string& value) {
    if (!value.empty() && message.find(value) == std::string::npos)
      facts.add({screen.pick(english, zh), printable(value)});
  };
  add("field", "字段", body.field());
  add("given", "填写", body.wanted());
  add("allowed", "允许", body.left());
  add("remedy", "处理", screen.pick(body.remedy(), body.remedy_zh()));
  fmt::print(to, "{}", facts.text({}, std::string(indent) + "  "));
  for (const auto& more : body.more()) print(to, screen, more, indent);
}

}  // namespace

Failed failed(const Error& error) {
  Failed out;
  out.exit = exit_of(error.code);
  show_error(error, out.body);
  return out;
}

std::optional<Failed> Session::exchange(const Request& request, google::protobuf::Message& into) {
  auto response = client_.call(request);
  if (!response) return failed(response.error());
  channel_ = response->channel;
  if (response->status >= 200 && response->status < 300) {
    if (read_body(*response, into)) return std::nullopt;
    return failed({Errc::corrupt, "cli.bad_answer", {}, std::to_string(response->status), {}, {}});
  }
  Failed problem;
  if (!read_body(*response, problem.body) || problem.body.code().empty())
    return failed({Errc::corrupt, "cli.bad_answer", {}, std::to_string(response->status), {}, {}});
  if (problem.body.channel().empty()) problem.body.set_channel(channel_);
  problem.exit = exit_of(response->status);
  return problem;
}

bool Session::json(const google::protobuf::Message& message) const {
  if (!screen_.json) return false;
  fmt::print("{}\n", to_json(message));
  std::fflush(stdout);  // watch and events feed pipes line by line
  return true;
}

void Session::say(std::string_view text) const {
  fmt::print("{}", printable(text));
  std::fflush(stdout);
}

std::string channel_line(const Screen& screen, std::string_view channel) {
  if (channel.empty()) return {};
  std::string_view zh = channel;
  if (channel == "simulator") zh = "模拟";
  if (channel == "sandbox") zh = "沙箱";
  if (channel == "production") zh = "生产";
  return screen.chinese() ? fmt::format("渠道: {}\n", zh) : fmt::format("channel: {}\n", channel);
}

void Session::answer(std::string_view text) const { say(channel_line(screen_, channel_) + std::string(text)); }

Exit Session::report(const Failed& problem) const {
  cli::report(screen_, problem.body);
  return problem.exit;
}

void report(const Screen& screen, const api::v1::ErrorBody& body) {
  if (screen.json) {
    fmt::print("{}\n", to_json(body));
    return;
  }
  fmt::print(stderr, "{}", channel_line(screen, body.channel()));
  print(stderr, screen, body, "");
}

std::string encoded(std::string_view part) {
  std::string out;
  for (const char c : part) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    if (plain)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

void add_query(std::string& target, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  target += target.find('?') == std::string::npos ? '?' : '&';
  target += fmt::format("{}={}", name, encoded(value));
}

}  // namespace taxgate::cli
