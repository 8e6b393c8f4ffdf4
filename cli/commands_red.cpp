// `red NUMBER`, the wizard for one red invoice; red_batch.cpp has the batch.
#include <fmt/format.h>

#include <iostream>

#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/red.h"
#include "cli/render.h"
#include "cli/requests.h"

namespace taxgate::cli {
namespace {

using api::v1::CheckReply;
using api::v1::Submission;
using api::v1::SubmissionRequest;

Answer<CheckReply> check(Session& session, const SubmissionRequest& request) {
  return session.post<CheckReply>("/v1/check?menu=yes", request);
}

bool asks(const Session& session) { return !session.given().has("--yes") && !session.screen().json; }

/// The only reason that fits, or what the person answers; empty: none.
std::string chosen_reason(Session& session, const CheckReply& menu) {
  std::string list, only;
  int fitting = 0;
  for (const auto& choice : menu.reasons()) {
    if (!choice.allowed()) continue;
    ++fitting;
    only = choice.reason();
    list += (list.empty() ? "" : " ") + choice.reason();
  }
  if (fitting <= 1 || !asks(session)) return fitting == 1 ? only : std::string();
  return ask(session, fmt::format("{} ({}): ", session.screen().pick("reason", "红冲原因"), list));
}

bool wants_part(std::string_view answer) {
  return answer == "p" || answer == "P" || answer == "part" || answer == "部分";
}

/// "3", "quantity=3", "amount=200", "total=226" as the part of one line; empty is all that is left of it.
void take_part(const std::string& answer, bool has_quantity, api::v1::WantedLine& line) {
  const auto equals = answer.find('=');
  const std::string what = answer.substr(0, equals == std::string::npos ? 0 : equals),
                    value = equals == std::string::npos ? answer : answer.substr(equals + 1);
  if (what == "total" || what == "价税合计")
    line.set_total(value);
  else if (what == "amount" || what == "金额" || (what.empty() && !has_quantity && !value.empty()))
    line.set_amount(value);
  else if (what.empty() || what == "quantity" || what == "数量")
    line.set_quantity(value);
  else
    line.set_quantity(answer);  // no number, and refused by its place
}

/// Asks for every line what of it comes back. False: of none.
bool choose_lines(Session& session, const CheckReply& menu, SubmissionRequest& request) {
  const auto& screen = session.screen();
  request.clear_lines();
  bool all = true;
  for (const auto& left : menu.left()) {
    if (left.amount() == "0.00") continue;
    const std::string rest = (left.quantity().empty() ? "" : left.quantity() + " / ") + grouped(left.amount());
    const std::string answer =
        ask(session,
            screen.chinese()
                ? fmt::format("第 {} 行 {},余 {}(回车=全部,0=不冲,{},amount=金额,total=价税合计):", left.blue_line(),
                              left.name(), rest, left.quantity().empty() ? "金额" : "数量")
                : fmt::format("line {} {}, {} left (Enter: all, 0: none, {}, amount=A, total=T): ", left.blue_line(),
                              left.name(), rest, left.quantity().empty() ? "an amount" : "a quantity"));
    if (answer == "0") {
      all = false;
      continue;
    }
    auto& line = *request.add_lines();
    line.set_blue_line(left.blue_line());
    take_part(answer, !left.quantity().empty(), line);
    all = all && answer.empty();
  }
  if (request.lines().empty()) return false;
  if (all) request.clear_lines();  // a full red says so by naming no line
  return true;
}

/// The verdict and its question, as often as the person wants another part. Nothing: go on and submit.
std::optional<Exit> settle(Session& session, CheckReply& verdict, SubmissionRequest& request) {
  const auto& screen = session.screen();
  while (true) {
    if (!session.json(verdict)) session.say(verdict_text(screen, verdict));
    const bool refused = verdict.answer() == "refused";
    if (session.given().has("--preview")) return refused ? Exit::refused : Exit::ok;
    if (!asks(session)) {
      if (refused) return Exit::refused;
      return session.given().has("--yes") ? std::nullopt : std::optional(not_confirmed(session));
    }
    const bool several = !verdict.proposals().empty();
    if (several && refused) return Exit::refused;
    const std::string answer =
        ask(session,
            several   ? screen.pick("hand in these documents in this order? [y/N] ", "按此顺序提交以上单据?[y/N] ")
            : refused ? screen.pick("only a part of it? [p/N] ", "只红冲一部分?[p/N] ")
                      : screen.pick("submit this red? [y/N, p: only a part] ", "提交此红字申请?[y/N,p:部分红冲] "));
    if (several || !wants_part(answer)) {
      if (refused) return Exit::refused;
      return is_yes(answer) ? std::nullopt : std::optional(not_confirmed(session));
    }
    if (!choose_lines(session, verdict, request)) return not_confirmed(session);
    auto again = check(session, request);
    if (!again) return session.report(again.error());
    verdict = std::move(*again);
  }
}

Exit show(Session& session, Submission submission) {
  if (session.given().has("--wait") && !submission.final()) return follow(session, std::move(submission));
  if (!session.json(submission)) session.answer(submission_brief(session.screen(), submission));
  return wants_attention(submission) ? Exit::attention : Exit::ok;
}

/// Documents of one plan, in order: each is accepted before the next is handed in, and the gateway keeps them in that
/// order. What was accepted stays when a later one is not; the same command takes it up again.
Exit hand_in(Session& session, const CheckReply& plan) {
  std::vector<Submission> accepted;
  for (const auto& document : plan.proposals()) {
    SubmissionRequest request = document.request();
    set_content_key(request);
    auto submission = session.post<Submission>("/v1/submissions", request);
    if (!submission) return session.report(submission.error());
    accepted.push_back(std::move(*submission));
  }
  Exit all = Exit::ok;
  for (auto& submission : accepted)
    if (const Exit one = show(session, std::move(submission)); one != Exit::ok && all == Exit::ok) all = one;
  return all;
}

Exit one(Session& session, const std::string& number) {
  const auto& screen = session.screen();
  auto blue = session.get_whole<api::v1::Invoice>("/v1/invoices/" + encoded(number));
  if (!blue) return session.report(blue.error());
  SubmissionRequest request;
  if (auto filled = fill_from_options(session.given(), request); !filled) return session.report(failed(filled.error()));
  if (auto declared = declare(session.given(), request); !declared) return session.report(failed(declared.error()));
  request.set_blue_number(blue->number());
  if (request.seller().empty()) request.set_seller(blue->seller().id());
  auto verdict = check(session, request);
  if (!verdict) return session.report(verdict.error());
  if (!screen.json) {
    if (!screen.names) mask(*blue);
    session.answer(invoice_text(screen, *blue));
    session.say(screen.pick("what is left of it\n", "可红冲余额\n") + left_text(screen, *verdict));
    session.say(screen.pick("reasons (+ the law allows it here)\n", "红冲原因(+ 为本票可选)\n") +
                reasons_text(screen, *verdict));
  }
  if (request.reason().empty() && verdict->proposals().empty() && !verdict->reasons().empty()) {
    request.set_reason(chosen_reason(session, *verdict));
    if (request.reason().empty() && !session.given().has("--preview"))
      return session.report(red_missing("--reason 01..04"));
    if (!request.reason().empty()) {
      verdict = check(session, request);
      if (!verdict) return session.report(verdict.error());
    }
  }
  if (const auto ended = settle(session, *verdict, request)) return *ended;
  if (!verdict->proposals().empty()) return hand_in(session, *verdict);
  set_content_key(request);
  auto submission = session.post<Submission>("/v1/submissions", request);
  if (!submission) return session.report(submission.error());
  return show(session, std::move(*submission));
}

}  // namespace

std::string ask(Session& session, const std::string& question) {
  session.say(question);
  std::string line;
  std::getline(std::cin, line);
  const auto from = line.find_first_not_of(" \t\r"), to = line.find_last_not_of(" \t\r");
  return from == std::string::npos ? std::string() : line.substr(from, to - from + 1);
}

bool is_yes(std::string_view answer) { return answer == "y" || answer == "Y" || answer == "yes" || answer == "是"; }

bool agreed(Session& session, const std::string& question) {
  if (session.given().has("--yes")) return true;
  return !session.screen().json && is_yes(ask(session, question + " [y/N] "));
}

Exit not_confirmed(Session& session) {
  return session.report(failed({Errc::invalid_input, "cli.not_confirmed", {}, {}, {}, {}}));
}

Failed red_missing(std::string_view what) {
  return failed({Errc::invalid_input, "cli.missing_argument", "red", std::string(what), {}, {}});
}

Exit run_red(Session& session) {
  const auto& given = session.given();
  const int ways =
      (given.has("--from") ? 1 : 0) + (given.has("--filter") ? 1 : 0) + (given.positionals.empty() ? 0 : 1);
  if (ways != 1) return session.report(red_missing("NUMBER | --from FILE | --filter TEXT"));
  return given.positionals.empty() ? red_batch(session) : one(session, given.positionals[0]);
}

}  // namespace taxgate::cli
