#pragma once
// A message and the memory it lives in. A submission has some fifty texts and messages in it, and is made by one thread
// and freed by another: on an arena of its own that is one piece of memory instead of fifty.
#include <google/protobuf/arena.h>

#include <memory>

namespace taxgate {

/// Moving it moves no text, and the message stays where it is; a moved-from one is only good to be destroyed.
/// M: a generated protobuf message.
template <class M>
class ArenaMessage {
 public:
  ArenaMessage()
      : arena_(std::make_unique<google::protobuf::Arena>(options())),
        message_(google::protobuf::Arena::CreateMessage<M>(arena_.get())) {}
  explicit ArenaMessage(const M& from) : ArenaMessage() { *message_ = from; }
  M& operator*() { return *message_; }
  const M& operator*() const { return *message_; }
  M* operator->() { return message_; }
  const M* operator->() const { return message_; }

 private:
  static google::protobuf::ArenaOptions options() {
    google::protobuf::ArenaOptions options;
    options.start_block_size = 4096;  // a submission with a form of a few lines
    return options;
  }
  std::unique_ptr<google::protobuf::Arena> arena_;
  M* message_;
};

}  // namespace taxgate
