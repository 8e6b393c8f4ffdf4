#pragma once
// Every rule of the red-letter law in one table: what it says in both languages, where it is from, whether it was found
// confirmed, since when it holds, whether it is built or was rejected, and the test that holds it. docs/rules.md is
// generated from it. A finding's id begins with its rule's id. Constant data; thread-safe.
// Sources: the project's four texts (000 反向红冲, 001 额度恢复, 002 红字发票财务处理, 003 数电票热点问题答疑), the
// announcements named in the rows, and public code and documents.
#include <cstdint>
#include <span>
#include <string_view>

#include "protocol/legal_time.h"

namespace taxgate::rules {

/// Where the reading comes from; only `confirmed` was seen outside the source texts, in public code or documents.
enum class Ground : std::uint8_t { source_text, confirmed, from_memory, unknown };
std::string_view name(Ground ground);

enum class Status : std::uint8_t {
  active,      // built and in force
  rejected,    // a reading of the source texts that contradicts the law: tests refuse it
  superseded,  // was right once
  elsewhere    // binds another part of the product or a person, not these functions
};
std::string_view name(Status status);

struct Rule {
  std::string_view id, title, title_zh, source;
  Ground ground = Ground::source_text;
  Status status = Status::active;
  std::string_view from, to;  // "2024-12-01", first and last day; empty: unknown or open
  std::string_view test;      // Suite.Name; empty where nothing here can hold it
};

/// In the order of the page: R, C, K, P, B, X.
std::span<const Rule> registry();
const Rule* find_rule(std::string_view id);

/// In force on this day: active and within its period. A day that is not set asks for today's law.
bool in_force(const Rule& rule, LegalTime day);

/// The VAT law (增值税法) and its ordinance took the place of the provisional regulations on this day: citations
/// change, the rates 13/9/6 stay, a red keeps its blue's rate.
inline constexpr std::string_view kVatLawFrom = "2026-01-01";

}  // namespace taxgate::rules
