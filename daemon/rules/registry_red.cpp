// R1 to R34: red-letter invoices.
#include <iterator>

#include "daemon/rules/registry_rows.h"

namespace taxgate::rules {
namespace {

using enum Ground;
using enum Status;
constexpr std::string_view kNew = "2024-12-01";    // 国家税务总局公告2024年第11号
constexpr std::string_view kTable = "2016-08-01";  // 国家税务总局公告2016年第47号

}  // namespace

const Rule kRedRules[] = {
    {"R1",
     "With use or booking confirmed either side starts and the other confirms within 72 hours, or the form is void; "
     "with neither the seller issues alone",
     "已做用途确认或入账确认的,任一方发起、另一方72小时内确认,逾期作废;均未确认的由销售方直接开具",
     "公告2024年第11号; 003", confirmed, active, kNew, "",
     "WhoStarts.EitherSideWhereOneIsConfirmedAndTheOtherMustAgree"},
    {"R2", "Quantity, amount and tax of all reds stay within the blue invoice's, each for itself",
     "红字累计数量、金额、税额均不得超过原蓝字发票", "003", confirmed, active, "", "",
     "ThreeCaps.SixtyThenFortyOfAHundredThenNothingMore"},
    {"R3", "A newer kind of invoice reverses an older one, the electronic the paper", "新冲旧、电冲纸", "003",
     source_text, active, kNew, "", "NewReversesOld.NineCellsOfTheMatrix"},
    {"R4", "Reason 01 reverses the whole invoice, and is no reason after a partial red",
     "“开票有误”必须全额红冲,部分红冲后不得再选", "003", confirmed, active, "", "",
     "WrongInvoice.MayNotBePartOfALineOrSomeOfTheLines"},
    {"R5",
     "Farm produce credited in full goes back in full; credited in part, by the part not yet credited or whole, then "
     "exactly the remainder",
     "农产品全额加计扣除的只能全额红冲;部分加计的首次为未加计部分或全额,再次须为全部剩余", "003", source_text, active,
     "", "", "FarmProduce.CreditedInPartGoesBackByItsPartsOrWhole"},
    {"R6", "差额征税-差额开票 goes back in full", "“差额征税—差额开票”必须全额红冲", "003", source_text, active, "", "",
     "Differential.IssuedOnTheDifferenceGoesBackInFull"},
    {"R7", "Otherwise several partial reds may follow each other", "其余发票可多次部分红冲", "003", source_text, active,
     "", "", "PartialReds.SeveralMayFollowEachOther"},
    {"R8", "No red of a void, fully reversed, irregular or locked invoice",
     "已作废、已全额红冲、异常扣税凭证、红字锁定的不得红冲", "003", confirmed, active, "", "",
     "Blocked.VoidFullyRedAbnormalAndLockedInvoices"},
    {"R9", "Five uses for refunds forbid the red; a deduction does not", "五种退税类用途不得红冲,已抵扣可以", "003",
     source_text, active, "", "", "Blocked.FiveUsesByTheirLabelsAndNotTheDeductedOne"},
    {"R10", "No red once a preference was enjoyed", "已享受优惠标签的不得红冲", "003", source_text, active, "", "",
     "Blocked.AnEnjoyedPreferenceForbidsTheRed"},
    {"R11", "No start when the other taxpayer cannot log in", "对方为非正常、注销等状态不得发起", "003", source_text,
     active, "", "", "Counterparty.WhoCannotLogInBlocksTheStart"},
    {"R12", "The seller's equipment and the blue invoice select confirmation form or information table",
     "按销售方单双轨及蓝票种类选择确认单或信息表", "003", source_text, active, kNew, "", "DocumentSelector.FiveCells"},
    {"R13", "The menu of reasons follows the lines: no 02 for services, no 03 for goods, both on a mixed invoice",
     "冲红原因按商品服务构成:服务无02,货物无03,混开皆可", "003", source_text, active, "", "",
     "ReasonMenu.FollowsWhatTheLinesAre"},
    {"R14", "An information table raised on the e-platform is downloaded and revoked at the tax hall only",
     "电子税务局发起的信息表,下载、撤销须到办税厅", "003", source_text, active, "", "",
     "Table.RaisedOnTheElectronicPlatformItIsOnlyShownThere"},
    {"R15", "Names equal the tax register and hold no special characters; the remedy is a red and a new invoice",
     "名称须与登记一致且无特殊字符,否则红冲重开", "003", source_text, active, "", "",
     "Names.SpecialCharactersAndTheRegisterAreWarnings"},
    {"R16", "Silence for 48 hours is consent", "48小时默认同意", "000", source_text, rejected, "", "",
     "ConfirmationWindow.SilenceFor48HoursIsNeitherConsentNorTheEnd"},
    {"R17", "Only special invoices whose cost is not yet booked", "仅限专票且购方尚未成本列支", "000", source_text,
     rejected, "", "", "WhoStarts.OrdinaryInvoicesFollowTheSameTest"},
    {"R18", "Only when deducted but not booked, or unticked over a month", "“已认证但未入账”或“跨月未勾选”方可发起",
     "000", source_text, rejected, "", "", "WhoStarts.BookedCostsAndOldMonthsAreNoObstacle"},
    {"R19", "Goods the customer would not take are reason 02", "客户拒收为02销货退回(仅货物)", "000", confirmed, active,
     "", "", "ReasonWords.NameTheReasonByWhatHappened"},
    {"R20", "A red is not reversed again", "红字发票不可以再次红冲", "000", confirmed, active, "", "",
     "Blocked.ARedInvoiceIsNotReversedAgain"},
    {"R21", "Of a service only the share not performed comes back", "服务按履约进度只红冲未履约部分", "000",
     source_text, active, "", "", "Services.OnlyTheUnperformedShareComesBack"},
    {"R22", "A reason and a short document that says why; 终止 is read as 中止", "填写原因并上传说明;“终止”视同“中止”",
     "000", source_text, active, "", "", "Evidence.IsSaidToBeMissingOnlyToOneWhoTellsWhatThereIs"},
    {"R23", "The quota changes with an issued red only, never with a form's state", "额度仅随红字发票开具变化", "001",
     source_text, active, "", "", "CreditLine.Case3OnlyTheRedOfTheSameMonthGivesItsAmountBack"},
    {"R24", "Deducted, the buyer applies: true on the tax-device track only", "已抵扣由购买方填开(仅税控专票)",
     "公告2016年第47号 一(一); 001", from_memory, active, kTable, "",
     "WhoStarts.OfADeductedInvoiceEitherSideOnTheFormAndTheBuyerOnTheTable"},
    {"R25", "A special tax-device invoice's red needs its information table", "税控红字专票须凭信息表开具", "002",
     from_memory, active, kTable, "", "Remarks.OfATableNameItsNumberAndNoneIsIssuedWithoutIt"},
    {"R26", "Returned or allowed and deducted, the seller may apply", "已认证抵扣的退回、折让可由销售方申请", "002",
     source_text, rejected, "", "", "WhoStarts.OfATableNotDeductedTheSheetsDecide"},
    {"R27", "An allowance is the difference, without quantity and price", "折让只填差额,数量单价留空", "002", confirmed,
     active, "", "", "ReturnAndAllowance.AnAllowanceIsTheDifferenceWithoutQuantity"},
    {"R28", "A return is always whole", "销售退回是商品全部退回", "002", source_text, rejected, "", "",
     "PartialReds.SeveralMayFollowEachOther"},
    {"R29", "Return and allowance are two documents, one after the other, the return first",
     "退回与折让分两张红字,先退后让,依次办理", "002", confirmed, active, "", "",
     "ReturnAndAllowance.AreTwoDocumentsTheReturnFirst"},
    {"R30", "Six of twelve months not served: 60,000 + 3,600 with reason 03", "12个月服务剩6个月:红冲6万+0.36万,原因03",
     "002", source_text, active, "", "", "Services.TheWishForTheRestIsMadeReady"},
    {"R31", "A lost invoice needs the certificate of its tax return", "丢失专票须《已报税证明单》", "002", source_text,
     superseded, "", "", "Evidence.NoCertificateForALostInvoiceIsEverDemanded"},
    {"R32", "An export refund is repaid before a red on the tax-device track", "税控发票出口退税先补税再红冲", "002",
     source_text, active, "", "", "Exports.OnTheTableTheRefundIsRepaidFirst"},
    {"R33", "Signed return slip and inspection report lie before a form is raised", "退货单、质检报告审核后方可发起",
     "002", source_text, active, "", "", "Evidence.GatesTheFormWhereTheOperatorSaysSo"},
    {"R34", "A paper invoice of the same month may be voidable instead; an all-digital one never",
     "当月纸质发票或可作废,数电票不可", "conditions are data", from_memory, active, "", "",
     "PaperInvoices.OfThisMonthMayPerhapsBeVoidedAndThatIsSaidFirst"},
};
const std::size_t kRedRuleCount = std::size(kRedRules);

}  // namespace taxgate::rules
