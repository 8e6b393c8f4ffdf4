#include "drivers/gmt0017/recording_transport.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include "protocol/card_trace.h"
#include "protocol/keyd_frame.h"

namespace taxgate::gmt0017 {
namespace {

using Clock = std::chrono::steady_clock;

class RecordingTransport final : public ApduTransport {
 public:
  RecordingTransport(std::unique_ptr<ApduTransport> inner, const std::string& file) : inner_(std::move(inner)) {
    // O_NOFOLLOW: a link at the place of the trace could lead the bytes anywhere.
    fd_ = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct stat facts{};
    if (fd_ < 0 || ::fstat(fd_, &facts) != 0 || !S_ISREG(facts.st_mode)) {
      stop();
      return;
    }
    size_ = static_cast<std::size_t>(facts.st_size);
    if (size_ == 0) write(std::string(card_trace::kFirstLine) + "\n");
    write(card_trace::to_text(card_trace::Session{}));
  }
  RecordingTransport(const RecordingTransport&) = delete;
  RecordingTransport& operator=(const RecordingTransport&) = delete;
  ~RecordingTransport() override { stop(); }

  Result<Bytes> transmit(ByteView command) override {
    if (fd_ < 0) return inner_->transmit(command);
    write(card_trace::command_text(card_trace::mask_command(command)));
    const auto start = Clock::now();
    auto answer = inner_->transmit(command);
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count();
    if (answer)
      write(card_trace::answer_text(static_cast<std::uint32_t>(took), card_trace::mask_response(command, *answer)));
    else
      write(card_trace::answer_text(
          static_cast<std::uint32_t>(took),
          card_trace::Silence{std::string(keyd::errc_name(answer.error().code)), answer.error().id}));
    return answer;
  }

  Result<void> reconnect() override {
    auto done = inner_->reconnect();
    if (done) write(card_trace::to_text(card_trace::Session{}));
    return done;
  }

 private:
  void write(const std::string& lines) {
    if (fd_ < 0) return;
    if (size_ + lines.size() > kLongestRecording) return stop();
    // One write a line: a killed worker leaves whole lines.
    const ssize_t n = ::write(fd_, lines.data(), lines.size());
    if (n != static_cast<ssize_t>(lines.size())) return stop();
    size_ += lines.size();
  }
  void stop() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  std::unique_ptr<ApduTransport> inner_;
  int fd_ = -1;
  std::size_t size_ = 0;
};

}  // namespace

std::unique_ptr<ApduTransport> record(std::unique_ptr<ApduTransport> inner, const std::string& file) {
  return std::make_unique<RecordingTransport>(std::move(inner), file);
}

}  // namespace taxgate::gmt0017
