#pragma once
// Certificates in files (PEM): are they there, and how long are they good? Judged once for doctor, status, metrics and
// the preflight. Findings are rows of the message catalogue ("doctor.certificate_…"). Reads files: not for the io
// thread.
#include <chrono>
#include <string>
#include <vector>

#include "daemon/core/config.h"
#include "protocol/error.h"

namespace taxgate {

struct CertificateFinding {
  bool failing = false;  // past its time or unreadable; else it soon will be
  Error error;           // field: whose, or the file
};

/// Nothing: good for longer than a renewal takes.
std::vector<CertificateFinding> judge_expiry(const std::string& whose, std::chrono::system_clock::time_point until,
                                             std::chrono::system_clock::time_point now);
/// Every certificate of every file.
std::vector<CertificateFinding> judge_certificate_files(const std::vector<std::string>& files,
                                                        std::chrono::system_clock::time_point now);
/// The files a configuration of taxgated names and its process uses.
std::vector<std::string> certificate_files_of(const Config& config);

}  // namespace taxgate
