#include "drivers/pcsc/pcsc_transport.h"

#include <winscard.h>

#include <utility>

#include "drivers/pcsc/pcsc_error.h"

namespace taxgate::pcsc {
namespace {

constexpr DWORD kProtocols = SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1;

class PcscTransport final : public ApduTransport {
 public:
  PcscTransport(SCARDCONTEXT context, SCARDHANDLE card, DWORD protocol)
      : context_(context), card_(card), protocol_(protocol), response_(MAX_BUFFER_SIZE_EXTENDED) {}
  PcscTransport(const PcscTransport&) = delete;
  PcscTransport& operator=(const PcscTransport&) = delete;
  ~PcscTransport() override {
    // Reset, so that the card forgets our login whoever comes next.
    SCardDisconnect(card_, SCARD_RESET_CARD);
    SCardReleaseContext(context_);
  }

  Result<Bytes> transmit(ByteView command) override {
    SCARD_IO_REQUEST send = protocol_ == SCARD_PROTOCOL_T0 ? *SCARD_PCI_T0 : *SCARD_PCI_T1;
    DWORD length = response_.size();
    const LONG code = SCardTransmit(card_, &send, command.data(), command.size(), nullptr, response_.data(), &length);
    if (code != SCARD_S_SUCCESS) return std::unexpected(error_of(code, Phase::transmit, "SCardTransmit"));
    if (length < 2) return fail(Errc::outcome_unknown, "key.interrupted", {}, {}, {}, "response without status word");
    return Bytes(response_.begin(), response_.begin() + static_cast<std::ptrdiff_t>(length));
  }

  Result<void> reconnect() override {
    const LONG code = SCardReconnect(card_, SCARD_SHARE_EXCLUSIVE, kProtocols, SCARD_RESET_CARD, &protocol_);
    if (code != SCARD_S_SUCCESS) return std::unexpected(error_of(code, Phase::before, "SCardReconnect"));
    return {};
  }

 private:
  SCARDCONTEXT context_;
  SCARDHANDLE card_;
  DWORD protocol_;
  Bytes response_;
};

}  // namespace

Result<std::unique_ptr<ApduTransport>> connect(const std::string& reader) {
  SCARDCONTEXT context = 0;
  LONG code = SCardEstablishContext(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &context);
  if (code != SCARD_S_SUCCESS) return std::unexpected(error_of(code, Phase::before, "SCardEstablishContext"));
  SCARDHANDLE card = 0;
  DWORD protocol = 0;
  code = SCardConnect(context, reader.c_str(), SCARD_SHARE_EXCLUSIVE, kProtocols, &card, &protocol);
  if (code != SCARD_S_SUCCESS) {
    SCardReleaseContext(context);
    return std::unexpected(error_of(code, Phase::before, "SCardConnect"));
  }
  return std::make_unique<PcscTransport>(context, card, protocol);
}

}  // namespace taxgate::pcsc
