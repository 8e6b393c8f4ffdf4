// A submission as the local API shows it. Its fields are listed once, in the schema's order, and take either form: a
// message, or its JSON text at once. The text is what an acceptance is answered with, thousands of times a second;
// making a message of fifty strings first, to write it by reflection and throw it away, took three times as long.
#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <type_traits>

#include "daemon/pipeline/present.h"
#include "protocol/json_form.h"
#include "protocol/messages.h"
#include "protocol/records.h"

namespace taxgate::pipeline {
namespace {

/// Fills a message.
template <class Message>
class AsMessage {
 public:
  using M = Message;
  explicit AsMessage(Message& out) : out_(out) {}
  void text(std::string_view, std::string* (Message::*field)(), std::string_view value) {
    if (!value.empty()) (out_.*field)()->assign(value);
  }
  template <class T>
  void value(std::string_view, void (Message::*set)(T), T value) {
    (out_.*set)(value);
  }
  template <class Part>
  void part(std::string_view, Part* (Message::*field)(), const Part& value) {
    *(out_.*field)() = value;
  }
  /// each  (AsMessage<Part>&, item)
  template <class Part, class Items, class F>
  void list(std::string_view, Part* (Message::*add)(), const Items& items, F each) {
    for (const auto& item : items) {
      AsMessage<Part> form(*(out_.*add)());
      each(form, item);
    }
  }
  template <class Part, class Items>
  void parts(std::string_view, Part* (Message::*add)(), const Items& items) {
    for (const Part& item : items) *(out_.*add)() = item;
  }

 private:
  Message& out_;
};

/// Writes what to_json would of that message: empty fields are left out.
template <class Message>
class AsJson {
 public:
  using M = Message;
  explicit AsJson(std::string& out) : out_(out) { out_ += '{'; }
  void end() { out_ += '}'; }
  void text(std::string_view name, std::string* (Message::*)(), std::string_view value) {
    if (value.empty()) return;
    key(name);
    append_json_string(out_, value);
  }
  template <class T>
  void value(std::string_view name, void (Message::*)(T), T value) {
    if (value == T{}) return;
    key(name);
    if constexpr (std::is_same_v<T, bool>) {
      out_ += "true";
    } else {
      std::array<char, 24> digits{};
      out_.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
    }
  }
  template <class Part>
  void part(std::string_view name, Part* (Message::*)(), const Part& value) {
    key(name);
    append_json(out_, value);
  }
  template <class Part, class Items, class F>
  void list(std::string_view name, Part* (Message::*)(), const Items& items, F each) {
    array(name, items, [&](const auto& item) {
      AsJson<Part> form(out_);
      each(form, item);
      form.end();
    });
  }
  template <class Part, class Items>
  void parts(std::string_view name, Part* (Message::*)(), const Items& items) {
    array(name, items, [&](const Part& item) { append_json(out_, item); });
  }

 private:
  template <class Items, class Write>
  void array(std::string_view name, const Items& items, Write write) {
    if (std::empty(items)) return;
    key(name);
    char before = '[';
    for (const auto& item : items) {
      out_ += before;
      before = ',';
      write(item);
    }
    out_ += ']';
  }
  void key(std::string_view name) {
    if (out_.back() != '{') out_ += ',';
    out_ += '"';
    out_ += name;
    out_ += "\":";
  }

  std::string& out_;
};

constexpr auto kLine = [](auto& out, const RedLine& line) {
  using M = api::v1::InvoiceLine;
  out.value("line", &M::set_line, static_cast<std::int32_t>(line.blue_line));
  out.text("tax_code", &M::mutable_tax_code, line.tax_code);
  out.text("name", &M::mutable_name, line.name);
  out.text("spec", &M::mutable_spec, line.spec);
  out.text("unit", &M::mutable_unit, line.unit);
  if (line.quantity) out.text("quantity", &M::mutable_quantity, line.quantity->text());
  if (line.price) out.text("price", &M::mutable_price, line.price->text());
  out.text("amount", &M::mutable_amount, line.amount.text());
  out.text("rate", &M::mutable_rate, line.rate.text());
  out.text("tax", &M::mutable_tax, line.tax.text());
  out.text("preference", &M::mutable_preference, line.preference);
};

constexpr auto kEntry = [](auto& out, const store::JournalRow& row) {
  using M = api::v1::TimelineEntry;
  out.value("seq", &M::set_seq, static_cast<std::uint64_t>(row.seq));
  out.text("at", &M::mutable_at, time_text(row.at));
  out.text("event", &M::mutable_event, row.event);
  out.text("state", &M::mutable_state, row.state);
  out.text("step", &M::mutable_step, row.step);
  out.text("principal", &M::mutable_principal, row.principal);
  out.text("detail", &M::mutable_detail, row.detail);
  out.text("reference", &M::mutable_reference, row.reference);
};

api::v1::Hold hold_of(const store::Submission& sub) {
  api::v1::Hold hold;
  hold.set_reason(sub.hold_reason);
  hold.set_release_by(sub.hold_release_by);
  if (sub.hold_reason.starts_with("disk.")) {
    const Error why{Errc::limit_reached, sub.hold_reason, {}, {}, {}, {}};
    hold.set_cause(message_text(why, Language::english));
    show_remedy(why, hold);
  }
  return hold;
}

template <class Form>
void describe(Form& out, const store::Submission& sub, std::string_view channel, const RedDocument* red,
              const api::v1::SubmissionRequest* request, std::span<const store::JournalRow> timeline) {
  using M = api::v1::Submission;
  const StateFacts& state = facts(sub.state);
  const std::string created = time_text(sub.created_at);
  out.text("id", &M::mutable_id, sub.id);
  out.text("kind", &M::mutable_kind, name(sub.kind));
  out.text("state", &M::mutable_state, state.name);
  out.text("step", &M::mutable_step, name(sub.step));
  if (red != nullptr) out.text("track", &M::mutable_track, track_name(red->track));
  out.text("taxpayer", &M::mutable_taxpayer, sub.taxpayer);
  if (red != nullptr) {
    out.text("seller", &M::mutable_seller, red->seller.id);
    out.text("buyer", &M::mutable_buyer, red->buyer.id);
  }
  out.text("blue_number", &M::mutable_blue_number, sub.blue_number);
  if (red != nullptr) out.text("reason", &M::mutable_reason, reason_code(red->reason));
  out.text("amount", &M::mutable_amount, sub.amount.text());
  out.text("tax", &M::mutable_tax, sub.tax.text());
  out.text("form_number", &M::mutable_form_number, sub.form_number);
  out.text("form_uuid", &M::mutable_form_uuid, sub.form_uuid);
  out.text("form_state", &M::mutable_form_state, sub.form_state);
  out.text("red_number", &M::mutable_red_number, sub.red_number);
  out.text("entered_at", &M::mutable_entered_at, time_text(sub.entered_at));
  out.text("deadline", &M::mutable_deadline, time_text(sub.deadline));
  if (!sub.hold_reason.empty()) out.part("hold", &M::mutable_hold, hold_of(sub));
  if (!sub.error.empty()) {
    api::v1::ErrorBody error;
    error.ParseFromString(sub.error);
    out.part("error", &M::mutable_error, error);
  }
  out.text("created_at", &M::mutable_created_at, created);
  out.text("updated_at", &M::mutable_updated_at,
           sub.updated_at == sub.created_at ? created : time_text(sub.updated_at));
  out.text("channel", &M::mutable_channel, channel);
  out.text("channel_zh", &M::mutable_channel_zh, channel_zh(channel));
  out.text("state_text", &M::mutable_state_text, state.text);
  out.text("state_text_zh", &M::mutable_state_text_zh, state.text_zh);
  if (request != nullptr && request->has_context()) out.part("context", &M::mutable_context, request->context());
  out.list("timeline", &M::add_timeline, timeline, kEntry);
  out.text("idempotency_key", &M::mutable_idempotency_key, sub.idempotency_key);
  out.text("key_serial", &M::mutable_key_serial, sub.key_serial);
  if (red != nullptr) out.list("lines", &M::add_lines, red->lines, kLine);
  out.value("final", &M::set_final, state.final);
  if (red != nullptr) out.text("initiator", &M::mutable_initiator, side_name(red->initiator));
  out.text("foreign_form", &M::mutable_foreign_form, sub.foreign);
  if (request != nullptr) {
    out.parts("evidence", &M::add_evidence, request->evidence());
    if (request->has_circumstances()) out.part("circumstances", &M::mutable_circumstances, request->circumstances());
  }
}

}  // namespace

void fill(api::v1::InvoiceLine& into, const RedLine& line) {
  AsMessage<api::v1::InvoiceLine> form(into);
  kLine(form, line);
}

api::v1::Submission present(const store::Submission& sub, std::string_view channel) {
  std::optional<RedDocument> red;
  if (!sub.document.empty())
    if (auto read = red_from_stored(sub.document)) red = std::move(*read);
  api::v1::SubmissionRequest request;
  const bool whole = sub.kind == Kind::red && request.ParseFromString(sub.request);
  return present(sub, channel, red ? &*red : nullptr, whole ? &request : nullptr);
}

api::v1::Submission present(const store::Submission& sub, std::string_view channel, const RedDocument* red,
                            const api::v1::SubmissionRequest* request) {
  api::v1::Submission out;
  AsMessage<api::v1::Submission> form(out);
  describe(form, sub, channel, red, request, {});
  return out;
}

std::string present_json(const store::Submission& sub, std::string_view channel, const RedDocument* red,
                         const api::v1::SubmissionRequest* request, std::span<const store::JournalRow> timeline) {
  std::string out;
  constexpr std::size_t kUsual = 4096;  // with a few lines; growing would copy it again and again
  out.reserve(kUsual);
  AsJson<api::v1::Submission> form(out);
  describe(form, sub, channel, red, request, timeline);
  form.end();
  return out;
}

void add_timeline(api::v1::Submission& out, const std::vector<store::JournalRow>& rows) {
  AsMessage<api::v1::Submission> form(out);
  form.list("timeline", &api::v1::Submission::add_timeline, rows, kEntry);
}

}  // namespace taxgate::pipeline
