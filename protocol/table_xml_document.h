#pragma once
// Private to protocol/table_xml*.cpp: writing and reading the flat elements of a GBK XML document.
#include <memory>
#include <optional>
#include <pugixml.hpp>
#include <string>

#include "protocol/table_xml.h"

namespace taxgate::table {

inline constexpr std::size_t kMaxXml = 8 * 1024 * 1024;  // a download page of 50 tables with 2,000 lines stays below

/// Builds elements and remembers the first field that cannot be written.
class Writer {
 public:
  explicit Writer(std::string_view body);  // FPXT/<body>
  pugi::xml_node body() const { return body_; }
  /// `field` is the name in our own documents, for the error.
  void put(pugi::xml_node parent, const char* element, std::string_view value, std::string_view field);
  void refuse(std::string_view field, std::string_view wanted);
  /// The document in GBK. errors invalid_input table.gbk, table.field
  Result<Bytes> finish() const;

 private:
  pugi::xml_document document_;
  pugi::xml_node body_;
  std::optional<Error> first_;
};

/// One document being read; the first error is kept.
class Reader {
 public:
  /// errors  corrupt table.gbk_bytes, table.xml (syntax, size, no FPXT/<body>)
  static Result<Reader> open(ByteView gbk, const char* body);
  pugi::xml_node body() const { return body_; }

  std::string text(pugi::xml_node parent, const char* element);  // "" when absent
  std::string need(pugi::xml_node parent, const char* element);
  Fen fen(pugi::xml_node parent, const char* element);
  Decimal decimal(pugi::xml_node parent, const char* element);
  std::optional<Decimal> maybe_decimal(pugi::xml_node parent, const char* element);
  int integer(pugi::xml_node parent, const char* element);  // 0..1,000,000,000; absent is 0
  void remember(Error error);
  void remember(const char* element, std::string_view why);
  const std::optional<Error>& error() const { return first_; }

 private:
  Reader() : document_(std::make_unique<pugi::xml_document>()) {}
  std::unique_ptr<pugi::xml_document> document_;  // the body must keep its address when the reader moves
  pugi::xml_node body_;
  std::optional<Error> first_;
};

template <class T>
Result<T> finished(const Reader& reader, T value) {
  if (!reader.error()) return value;
  Error error = *reader.error();
  error.code = Errc::corrupt;
  return std::unexpected(std::move(error));
}

}  // namespace taxgate::table
