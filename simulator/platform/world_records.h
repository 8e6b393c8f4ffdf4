#pragma once
// Private to world*.cpp: what the platform keeps of an invoice, an upload and a table.
#include <string>
#include <vector>

#include "simulator/platform/outcomes.h"
#include "simulator/platform/world.h"

namespace taxgate::simulator {

struct World::Blue {
  Invoice invoice;
  std::string issued_status = "0";  // fpzt as staged, while nothing is reversed
  std::vector<std::string> forms;   // uuids of all forms against it, void ones too
  std::vector<std::string> tables;  // our ids
  std::vector<std::string> reds;    // numbers
};

struct World::Upload {
  std::string receipt;
  leqi::UploadRequest request;
  RequestContext context;
  std::string result = "01";  // scjg: 00 ok, 01 processing, 02 failed, 03 duplicate
  std::string red_number, message;
  LegalTime issued_at;
  std::string first_receipt;  // of a repetition: the upload it repeats
};

struct World::TableRecord {
  std::string id;
  table::Row row;  // row.red is the uploaded document
  LegalTime uploaded_at;
  RequestContext context;
  bool live() const {
    const auto cls = table::table_class(row.status);
    return cls == table::TableClass::approved || cls == table::TableClass::pending ||
           cls == table::TableClass::written_off;
  }
};

}  // namespace taxgate::simulator
