// Server-sent events (WHATWG HTML 9.2): pull a batch, write it, and only when it is written pull the next. So a slow
// reader holds one batch and no one else's time; the session's write deadline cuts it.
#include <algorithm>
#include <memory>

#include "daemon/api/handlers.h"
#include "protocol/json_form.h"

namespace taxgate::api {
namespace {

class EventStream : public std::enable_shared_from_this<EventStream> {
 public:
  EventStream(Call call, EventQuery query)
      : gateway_(call.gateway),
        settings_(call.settings),
        caller_(std::move(call.caller)),
        form_(call.form),
        query_(std::move(query)),
        responder_(std::move(call.responder)) {
    query_.wait_ms = 0;  // the header leaves at once, with what there is
    query_.limit = std::min(query_.limit, kStreamBatch);
  }

  void pull() {
    // A caller removed meanwhile, or a closed connection, ends the stream here; the peer sees the connection close.
    if (!responder_.still_allowed()) return responder_.end();
    responder_.expect_wait(query_.wait_ms);
    gateway_.events(caller_, query_, [self = shared_from_this()](std::expected<v1::EventList, Findings> events) {
      self->on_events(std::move(events));
    });
  }

 private:
  void on_events(std::expected<v1::EventList, Findings> events) {
    if (!events) return on_error(events.error());
    std::string text;
    for (const v1::Event& event : events->events()) {
      text.append("id: ").append(event.cursor()).append("\nevent: ").append(event.type());
      text.append("\ndata: ").append(to_json(event)).append("\n\n");
    }
    if (text.empty()) text = ":\n\n";  // a comment: shows both ends that the other lives
    if (!events->next().empty()) query_.after = events->next();
    begun_ = true;
    responder_.stream(std::move(text), [self = shared_from_this()](bool ok) {
      if (!ok) return;
      self->query_.wait_ms = self->settings_.stream_wait_ms;
      self->pull();
    });
  }

  void on_error(const Findings& findings) {
    if (!begun_) return responder_.respond(error_answer(findings, settings_.channel, form_));
    std::string text = "event: error\ndata: " + to_json(error_body(findings, settings_.channel)) + "\n\n";
    responder_.stream(std::move(text), [self = shared_from_this()](bool) { self->responder_.end(); });
  }

  Gateway& gateway_;
  const Settings& settings_;
  Caller caller_;
  Form form_;
  EventQuery query_;
  Responder responder_;
  bool begun_ = false;
};

}  // namespace

void start_event_stream(Call call, EventQuery query) {
  std::make_shared<EventStream>(std::move(call), std::move(query))->pull();
}

}  // namespace taxgate::api
