#pragma once
// ApduTransport over Bulk-Only Transport: FE 01 carries the command to the card, FE 02 fetches its answer.
#include <memory>

#include "drivers/gmt0017/apdu_transport.h"
#include "drivers/usb/bot_session.h"

namespace taxgate::usb {

/// `bulk` is an open device on which nothing was said yet. Starts the session (GetMaxLUN, INQUIRY).
/// A command is never given twice: when it is not certain what became of it, the answer is outcome_unknown, the caller
/// drops the connection, and the next one asks the card for its state first. The answer is fetched again once, which
/// runs nothing.
/// errors  of BotSession::start; rejected usb.inquiry (another make than the quirks are of)
Result<std::unique_ptr<ApduTransport>> apdu_over_bulk(std::unique_ptr<BulkTransport> bulk, Quirks quirks,
                                                      BotSession::Pause pause);

}  // namespace taxgate::usb
