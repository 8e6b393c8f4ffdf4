#include "drivers/usb/usb_transport.h"

#include <string>
#include <utility>

namespace taxgate::usb {
namespace {

/// A tax disk's own no: 09 and its code. Another try changes nothing.
bool of_the_disk(const bot::Sense& sense) {
  constexpr std::uint8_t kDisk = 0xD1, kClock = 0xE1;
  return sense.key == bot::kSenseVendor && (sense.code == kDisk || (sense.code == kClock && sense.qualifier == 0x05));
}
std::unexpected<Error> disk_refused(const bot::Sense& sense, const char* command) {
  return fail(Errc::rejected, "key.disk_refused", {}, sense.text(), {}, command);
}

/// What the device's refusal to pass a command on means; the card has not run it.
Error refusal(const bot::Sense& sense) {
  switch (sense.key) {
    case bot::kSenseAttention:
    case bot::kSenseNotReady:
      return {Errc::retry_later, "key.reset", {}, {}, {}, "FE 01 refused: " + sense.text()};
    case bot::kSenseMedium:
    case bot::kSenseHardware:
      return {Errc::device_gone, "key.card_failed", {}, {}, {}, "FE 01 refused: " + sense.text()};
    default:
      return {Errc::rejected, "usb.refused", {}, sense.text(), {}, "FE 01"};
  }
}

class UsbTransport final : public ApduTransport {
 public:
  UsbTransport(std::unique_ptr<BulkTransport> bulk, Quirks quirks, BotSession::Pause pause)
      : bulk_(std::move(bulk)), session_(*bulk_, std::move(quirks), std::move(pause)) {}

  Result<void> start() {
    const auto inquiry = session_.start();
    if (!inquiry) return std::unexpected(inquiry.error());
    const auto& quirks = session_.quirks();
    const bool ours = inquiry->vendor.find(quirks.inquiry_vendor) != std::string::npos &&
                      inquiry->product.find(quirks.inquiry_product) != std::string::npos;
    if (!ours)
      return fail(Errc::rejected, "usb.inquiry", {}, inquiry->vendor + " " + inquiry->product,
                  quirks.inquiry_vendor + " " + quirks.inquiry_product);
    return {};
  }

  Result<Bytes> transmit(ByteView command) override {
    if (command.size() > bot::kMaxCardBytes)
      return fail(Errc::limit_reached, "usb.transfer_size", {}, std::to_string(command.size()),
                  std::to_string(bot::kMaxCardBytes));
    const auto& quirks = session_.quirks();
    const auto sent = session_.tell(quirks.send_cdb, bot::wrap_apdu(command), Effect::changes);
    if (!sent) return std::unexpected(sent.error());
    if (sent->sense && of_the_disk(*sent->sense)) return disk_refused(*sent->sense, "FE 01");
    if (sent->sense) return std::unexpected(refusal(*sent->sense));

    // From here on the card has the command. Whatever fails, only its state tells what became of it.
    const auto fetched = session_.ask(quirks.receive_cdb, quirks.max_transfer, Effect::none);
    if (!fetched) return lost(fetched.error().detail);
    if (fetched->sense && of_the_disk(*fetched->sense)) return disk_refused(*fetched->sense, "FE 02");
    if (fetched->sense) return lost("FE 02 refused: " + fetched->sense->text());
    const auto answer = bot::unwrap_apdu(fetched->data);
    if (!answer) return lost("FE 02: no answer in " + std::to_string(fetched->data.size()) + " bytes");
    if (answer->size() < 2) return lost("answer without status word");
    return Bytes(answer->begin(), answer->end());
  }

  Result<void> reconnect() override { return start(); }

 private:
  static std::unexpected<Error> lost(std::string detail) {
    return fail(Errc::outcome_unknown, "key.interrupted", {}, {}, {}, std::move(detail));
  }

  std::unique_ptr<BulkTransport> bulk_;
  BotSession session_;
};

}  // namespace

Result<std::unique_ptr<ApduTransport>> apdu_over_bulk(std::unique_ptr<BulkTransport> bulk, Quirks quirks,
                                                      BotSession::Pause pause) {
  auto transport = std::make_unique<UsbTransport>(std::move(bulk), std::move(quirks), std::move(pause));
  if (auto started = transport->start(); !started) return std::unexpected(started.error());
  return transport;
}

}  // namespace taxgate::usb
