//! Generated from libpg_query's `pg_query.proto` by `cargo run --example generate_table`. Do not edit.

/// How a field is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Number,
    Double,
    Text,
    Message(Kind),
}

/// One field of a kind of message.
#[derive(Debug)]
pub(crate) struct FieldInfo {
    pub(crate) number: u32,
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) repeated: bool,
}

const fn f(number: u32, name: &'static str, shape: Shape, repeated: bool) -> FieldInfo {
    FieldInfo { number, name, shape, repeated }
}

/// The definition of a field, if the kind has it.
pub(crate) fn lookup(kind: Kind, number: u32) -> Option<&'static FieldInfo> {
    let fields = FIELDS[kind as usize];
    let guess = fields.get((number as usize).wrapping_sub(1));
    guess.filter(|field| field.number == number).or_else(|| fields.iter().find(|field| field.number == number))
}

impl Kind {
    /// Its name in PostgreSQL's sources.
    #[must_use]
    pub const fn name(self) -> &'static str {
        NAMES[self as usize]
    }

    /// Whether it has a field that is a list of nodes.
    #[must_use]
    pub const fn has_lists(self) -> bool {
        LISTS[self as usize]
    }
}

/// A kind of message in the tree, named as PostgreSQL names its structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Kind {
    ParseResult,
    ScanResult,
    Node,
    Integer,
    Float,
    Boolean,
    String,
    BitString,
    List,
    OidList,
    IntList,
    AConst,
    Alias,
    RangeVar,
    TableFunc,
    IntoClause,
    Var,
    Param,
    Aggref,
    GroupingFunc,
    WindowFunc,
    WindowFuncRunCondition,
    MergeSupportFunc,
    SubscriptingRef,
    FuncExpr,
    NamedArgExpr,
    OpExpr,
    DistinctExpr,
    NullIfExpr,
    ScalarArrayOpExpr,
    BoolExpr,
    SubLink,
    SubPlan,
    AlternativeSubPlan,
    FieldSelect,
    FieldStore,
    RelabelType,
    CoerceViaIO,
    ArrayCoerceExpr,
    ConvertRowtypeExpr,
    CollateExpr,
    CaseExpr,
    CaseWhen,
    CaseTestExpr,
    ArrayExpr,
    RowExpr,
    RowCompareExpr,
    CoalesceExpr,
    MinMaxExpr,
    SQLValueFunction,
    XmlExpr,
    JsonFormat,
    JsonReturning,
    JsonValueExpr,
    JsonConstructorExpr,
    JsonIsPredicate,
    JsonBehavior,
    JsonExpr,
    JsonTablePath,
    JsonTablePathScan,
    JsonTableSiblingJoin,
    NullTest,
    BooleanTest,
    MergeAction,
    CoerceToDomain,
    CoerceToDomainValue,
    SetToDefault,
    CurrentOfExpr,
    NextValueExpr,
    InferenceElem,
    ReturningExpr,
    TargetEntry,
    RangeTblRef,
    JoinExpr,
    FromExpr,
    OnConflictExpr,
    Query,
    TypeName,
    ColumnRef,
    ParamRef,
    AExpr,
    TypeCast,
    CollateClause,
    RoleSpec,
    FuncCall,
    AStar,
    AIndices,
    AIndirection,
    AArrayExpr,
    ResTarget,
    MultiAssignRef,
    SortBy,
    WindowDef,
    RangeSubselect,
    RangeFunction,
    RangeTableFunc,
    RangeTableFuncCol,
    RangeTableSample,
    ColumnDef,
    TableLikeClause,
    IndexElem,
    DefElem,
    LockingClause,
    XmlSerialize,
    PartitionElem,
    PartitionSpec,
    PartitionBoundSpec,
    PartitionRangeDatum,
    PartitionCmd,
    RangeTblEntry,
    RTEPermissionInfo,
    RangeTblFunction,
    TableSampleClause,
    WithCheckOption,
    SortGroupClause,
    GroupingSet,
    WindowClause,
    RowMarkClause,
    WithClause,
    InferClause,
    OnConflictClause,
    CTESearchClause,
    CTECycleClause,
    CommonTableExpr,
    MergeWhenClause,
    ReturningOption,
    ReturningClause,
    TriggerTransition,
    JsonOutput,
    JsonArgument,
    JsonFuncExpr,
    JsonTablePathSpec,
    JsonTable,
    JsonTableColumn,
    JsonKeyValue,
    JsonParseExpr,
    JsonScalarExpr,
    JsonSerializeExpr,
    JsonObjectConstructor,
    JsonArrayConstructor,
    JsonArrayQueryConstructor,
    JsonAggConstructor,
    JsonObjectAgg,
    JsonArrayAgg,
    RawStmt,
    InsertStmt,
    DeleteStmt,
    UpdateStmt,
    MergeStmt,
    SelectStmt,
    SetOperationStmt,
    ReturnStmt,
    PLAssignStmt,
    CreateSchemaStmt,
    AlterTableStmt,
    AlterTableCmd,
    ATAlterConstraint,
    ReplicaIdentityStmt,
    AlterCollationStmt,
    AlterDomainStmt,
    GrantStmt,
    ObjectWithArgs,
    AccessPriv,
    GrantRoleStmt,
    AlterDefaultPrivilegesStmt,
    CopyStmt,
    VariableSetStmt,
    VariableShowStmt,
    CreateStmt,
    Constraint,
    CreateTableSpaceStmt,
    DropTableSpaceStmt,
    AlterTableSpaceOptionsStmt,
    AlterTableMoveAllStmt,
    CreateExtensionStmt,
    AlterExtensionStmt,
    AlterExtensionContentsStmt,
    CreateFdwStmt,
    AlterFdwStmt,
    CreateForeignServerStmt,
    AlterForeignServerStmt,
    CreateForeignTableStmt,
    CreateUserMappingStmt,
    AlterUserMappingStmt,
    DropUserMappingStmt,
    ImportForeignSchemaStmt,
    CreatePolicyStmt,
    AlterPolicyStmt,
    CreateAmStmt,
    CreateTrigStmt,
    CreateEventTrigStmt,
    AlterEventTrigStmt,
    CreatePLangStmt,
    CreateRoleStmt,
    AlterRoleStmt,
    AlterRoleSetStmt,
    DropRoleStmt,
    CreateSeqStmt,
    AlterSeqStmt,
    DefineStmt,
    CreateDomainStmt,
    CreateOpClassStmt,
    CreateOpClassItem,
    CreateOpFamilyStmt,
    AlterOpFamilyStmt,
    DropStmt,
    TruncateStmt,
    CommentStmt,
    SecLabelStmt,
    DeclareCursorStmt,
    ClosePortalStmt,
    FetchStmt,
    IndexStmt,
    CreateStatsStmt,
    StatsElem,
    AlterStatsStmt,
    CreateFunctionStmt,
    FunctionParameter,
    AlterFunctionStmt,
    DoStmt,
    InlineCodeBlock,
    CallStmt,
    CallContext,
    RenameStmt,
    AlterObjectDependsStmt,
    AlterObjectSchemaStmt,
    AlterOwnerStmt,
    AlterOperatorStmt,
    AlterTypeStmt,
    RuleStmt,
    NotifyStmt,
    ListenStmt,
    UnlistenStmt,
    TransactionStmt,
    CompositeTypeStmt,
    CreateEnumStmt,
    CreateRangeStmt,
    AlterEnumStmt,
    ViewStmt,
    LoadStmt,
    CreatedbStmt,
    AlterDatabaseStmt,
    AlterDatabaseRefreshCollStmt,
    AlterDatabaseSetStmt,
    DropdbStmt,
    AlterSystemStmt,
    ClusterStmt,
    VacuumStmt,
    VacuumRelation,
    ExplainStmt,
    CreateTableAsStmt,
    RefreshMatViewStmt,
    CheckPointStmt,
    DiscardStmt,
    LockStmt,
    ConstraintsSetStmt,
    ReindexStmt,
    CreateConversionStmt,
    CreateCastStmt,
    CreateTransformStmt,
    PrepareStmt,
    ExecuteStmt,
    DeallocateStmt,
    DropOwnedStmt,
    ReassignOwnedStmt,
    AlterTSDictionaryStmt,
    AlterTSConfigurationStmt,
    PublicationTable,
    PublicationObjSpec,
    CreatePublicationStmt,
    AlterPublicationStmt,
    CreateSubscriptionStmt,
    AlterSubscriptionStmt,
    DropSubscriptionStmt,
    ScanToken,
    SummaryResult,
    Table,
    Function,
    FilterColumn,
}

impl Kind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::ParseResult,
        Self::ScanResult,
        Self::Node,
        Self::Integer,
        Self::Float,
        Self::Boolean,
        Self::String,
        Self::BitString,
        Self::List,
        Self::OidList,
        Self::IntList,
        Self::AConst,
        Self::Alias,
        Self::RangeVar,
        Self::TableFunc,
        Self::IntoClause,
        Self::Var,
        Self::Param,
        Self::Aggref,
        Self::GroupingFunc,
        Self::WindowFunc,
        Self::WindowFuncRunCondition,
        Self::MergeSupportFunc,
        Self::SubscriptingRef,
        Self::FuncExpr,
        Self::NamedArgExpr,
        Self::OpExpr,
        Self::DistinctExpr,
        Self::NullIfExpr,
        Self::ScalarArrayOpExpr,
        Self::BoolExpr,
        Self::SubLink,
        Self::SubPlan,
        Self::AlternativeSubPlan,
        Self::FieldSelect,
        Self::FieldStore,
        Self::RelabelType,
        Self::CoerceViaIO,
        Self::ArrayCoerceExpr,
        Self::ConvertRowtypeExpr,
        Self::CollateExpr,
        Self::CaseExpr,
        Self::CaseWhen,
        Self::CaseTestExpr,
        Self::ArrayExpr,
        Self::RowExpr,
        Self::RowCompareExpr,
        Self::CoalesceExpr,
        Self::MinMaxExpr,
        Self::SQLValueFunction,
        Self::XmlExpr,
        Self::JsonFormat,
        Self::JsonReturning,
        Self::JsonValueExpr,
        Self::JsonConstructorExpr,
        Self::JsonIsPredicate,
        Self::JsonBehavior,
        Self::JsonExpr,
        Self::JsonTablePath,
        Self::JsonTablePathScan,
        Self::JsonTableSiblingJoin,
        Self::NullTest,
        Self::BooleanTest,
        Self::MergeAction,
        Self::CoerceToDomain,
        Self::CoerceToDomainValue,
        Self::SetToDefault,
        Self::CurrentOfExpr,
        Self::NextValueExpr,
        Self::InferenceElem,
        Self::ReturningExpr,
        Self::TargetEntry,
        Self::RangeTblRef,
        Self::JoinExpr,
        Self::FromExpr,
        Self::OnConflictExpr,
        Self::Query,
        Self::TypeName,
        Self::ColumnRef,
        Self::ParamRef,
        Self::AExpr,
        Self::TypeCast,
        Self::CollateClause,
        Self::RoleSpec,
        Self::FuncCall,
        Self::AStar,
        Self::AIndices,
        Self::AIndirection,
        Self::AArrayExpr,
        Self::ResTarget,
        Self::MultiAssignRef,
        Self::SortBy,
        Self::WindowDef,
        Self::RangeSubselect,
        Self::RangeFunction,
        Self::RangeTableFunc,
        Self::RangeTableFuncCol,
        Self::RangeTableSample,
        Self::ColumnDef,
        Self::TableLikeClause,
        Self::IndexElem,
        Self::DefElem,
        Self::LockingClause,
        Self::XmlSerialize,
        Self::PartitionElem,
        Self::PartitionSpec,
        Self::PartitionBoundSpec,
        Self::PartitionRangeDatum,
        Self::PartitionCmd,
        Self::RangeTblEntry,
        Self::RTEPermissionInfo,
        Self::RangeTblFunction,
        Self::TableSampleClause,
        Self::WithCheckOption,
        Self::SortGroupClause,
        Self::GroupingSet,
        Self::WindowClause,
        Self::RowMarkClause,
        Self::WithClause,
        Self::InferClause,
        Self::OnConflictClause,
        Self::CTESearchClause,
        Self::CTECycleClause,
        Self::CommonTableExpr,
        Self::MergeWhenClause,
        Self::ReturningOption,
        Self::ReturningClause,
        Self::TriggerTransition,
        Self::JsonOutput,
        Self::JsonArgument,
        Self::JsonFuncExpr,
        Self::JsonTablePathSpec,
        Self::JsonTable,
        Self::JsonTableColumn,
        Self::JsonKeyValue,
        Self::JsonParseExpr,
        Self::JsonScalarExpr,
        Self::JsonSerializeExpr,
        Self::JsonObjectConstructor,
        Self::JsonArrayConstructor,
        Self::JsonArrayQueryConstructor,
        Self::JsonAggConstructor,
        Self::JsonObjectAgg,
        Self::JsonArrayAgg,
        Self::RawStmt,
        Self::InsertStmt,
        Self::DeleteStmt,
        Self::UpdateStmt,
        Self::MergeStmt,
        Self::SelectStmt,
        Self::SetOperationStmt,
        Self::ReturnStmt,
        Self::PLAssignStmt,
        Self::CreateSchemaStmt,
        Self::AlterTableStmt,
        Self::AlterTableCmd,
        Self::ATAlterConstraint,
        Self::ReplicaIdentityStmt,
        Self::AlterCollationStmt,
        Self::AlterDomainStmt,
        Self::GrantStmt,
        Self::ObjectWithArgs,
        Self::AccessPriv,
        Self::GrantRoleStmt,
        Self::AlterDefaultPrivilegesStmt,
        Self::CopyStmt,
        Self::VariableSetStmt,
        Self::VariableShowStmt,
        Self::CreateStmt,
        Self::Constraint,
        Self::CreateTableSpaceStmt,
        Self::DropTableSpaceStmt,
        Self::AlterTableSpaceOptionsStmt,
        Self::AlterTableMoveAllStmt,
        Self::CreateExtensionStmt,
        Self::AlterExtensionStmt,
        Self::AlterExtensionContentsStmt,
        Self::CreateFdwStmt,
        Self::AlterFdwStmt,
        Self::CreateForeignServerStmt,
        Self::AlterForeignServerStmt,
        Self::CreateForeignTableStmt,
        Self::CreateUserMappingStmt,
        Self::AlterUserMappingStmt,
        Self::DropUserMappingStmt,
        Self::ImportForeignSchemaStmt,
        Self::CreatePolicyStmt,
        Self::AlterPolicyStmt,
        Self::CreateAmStmt,
        Self::CreateTrigStmt,
        Self::CreateEventTrigStmt,
        Self::AlterEventTrigStmt,
        Self::CreatePLangStmt,
        Self::CreateRoleStmt,
        Self::AlterRoleStmt,
        Self::AlterRoleSetStmt,
        Self::DropRoleStmt,
        Self::CreateSeqStmt,
        Self::AlterSeqStmt,
        Self::DefineStmt,
        Self::CreateDomainStmt,
        Self::CreateOpClassStmt,
        Self::CreateOpClassItem,
        Self::CreateOpFamilyStmt,
        Self::AlterOpFamilyStmt,
        Self::DropStmt,
        Self::TruncateStmt,
        Self::CommentStmt,
        Self::SecLabelStmt,
        Self::DeclareCursorStmt,
        Self::ClosePortalStmt,
        Self::FetchStmt,
        Self::IndexStmt,
        Self::CreateStatsStmt,
        Self::StatsElem,
        Self::AlterStatsStmt,
        Self::CreateFunctionStmt,
        Self::FunctionParameter,
        Self::AlterFunctionStmt,
        Self::DoStmt,
        Self::InlineCodeBlock,
        Self::CallStmt,
        Self::CallContext,
        Self::RenameStmt,
        Self::AlterObjectDependsStmt,
        Self::AlterObjectSchemaStmt,
        Self::AlterOwnerStmt,
        Self::AlterOperatorStmt,
        Self::AlterTypeStmt,
        Self::RuleStmt,
        Self::NotifyStmt,
        Self::ListenStmt,
        Self::UnlistenStmt,
        Self::TransactionStmt,
        Self::CompositeTypeStmt,
        Self::CreateEnumStmt,
        Self::CreateRangeStmt,
        Self::AlterEnumStmt,
        Self::ViewStmt,
        Self::LoadStmt,
        Self::CreatedbStmt,
        Self::AlterDatabaseStmt,
        Self::AlterDatabaseRefreshCollStmt,
        Self::AlterDatabaseSetStmt,
        Self::DropdbStmt,
        Self::AlterSystemStmt,
        Self::ClusterStmt,
        Self::VacuumStmt,
        Self::VacuumRelation,
        Self::ExplainStmt,
        Self::CreateTableAsStmt,
        Self::RefreshMatViewStmt,
        Self::CheckPointStmt,
        Self::DiscardStmt,
        Self::LockStmt,
        Self::ConstraintsSetStmt,
        Self::ReindexStmt,
        Self::CreateConversionStmt,
        Self::CreateCastStmt,
        Self::CreateTransformStmt,
        Self::PrepareStmt,
        Self::ExecuteStmt,
        Self::DeallocateStmt,
        Self::DropOwnedStmt,
        Self::ReassignOwnedStmt,
        Self::AlterTSDictionaryStmt,
        Self::AlterTSConfigurationStmt,
        Self::PublicationTable,
        Self::PublicationObjSpec,
        Self::CreatePublicationStmt,
        Self::AlterPublicationStmt,
        Self::CreateSubscriptionStmt,
        Self::AlterSubscriptionStmt,
        Self::DropSubscriptionStmt,
        Self::ScanToken,
        Self::SummaryResult,
        Self::Table,
        Self::Function,
        Self::FilterColumn,
    ];
}

const NAMES: &[&str] = &[
    "ParseResult",
    "ScanResult",
    "Node",
    "Integer",
    "Float",
    "Boolean",
    "String",
    "BitString",
    "List",
    "OidList",
    "IntList",
    "A_Const",
    "Alias",
    "RangeVar",
    "TableFunc",
    "IntoClause",
    "Var",
    "Param",
    "Aggref",
    "GroupingFunc",
    "WindowFunc",
    "WindowFuncRunCondition",
    "MergeSupportFunc",
    "SubscriptingRef",
    "FuncExpr",
    "NamedArgExpr",
    "OpExpr",
    "DistinctExpr",
    "NullIfExpr",
    "ScalarArrayOpExpr",
    "BoolExpr",
    "SubLink",
    "SubPlan",
    "AlternativeSubPlan",
    "FieldSelect",
    "FieldStore",
    "RelabelType",
    "CoerceViaIO",
    "ArrayCoerceExpr",
    "ConvertRowtypeExpr",
    "CollateExpr",
    "CaseExpr",
    "CaseWhen",
    "CaseTestExpr",
    "ArrayExpr",
    "RowExpr",
    "RowCompareExpr",
    "CoalesceExpr",
    "MinMaxExpr",
    "SQLValueFunction",
    "XmlExpr",
    "JsonFormat",
    "JsonReturning",
    "JsonValueExpr",
    "JsonConstructorExpr",
    "JsonIsPredicate",
    "JsonBehavior",
    "JsonExpr",
    "JsonTablePath",
    "JsonTablePathScan",
    "JsonTableSiblingJoin",
    "NullTest",
    "BooleanTest",
    "MergeAction",
    "CoerceToDomain",
    "CoerceToDomainValue",
    "SetToDefault",
    "CurrentOfExpr",
    "NextValueExpr",
    "InferenceElem",
    "ReturningExpr",
    "TargetEntry",
    "RangeTblRef",
    "JoinExpr",
    "FromExpr",
    "OnConflictExpr",
    "Query",
    "TypeName",
    "ColumnRef",
    "ParamRef",
    "A_Expr",
    "TypeCast",
    "CollateClause",
    "RoleSpec",
    "FuncCall",
    "A_Star",
    "A_Indices",
    "A_Indirection",
    "A_ArrayExpr",
    "ResTarget",
    "MultiAssignRef",
    "SortBy",
    "WindowDef",
    "RangeSubselect",
    "RangeFunction",
    "RangeTableFunc",
    "RangeTableFuncCol",
    "RangeTableSample",
    "ColumnDef",
    "TableLikeClause",
    "IndexElem",
    "DefElem",
    "LockingClause",
    "XmlSerialize",
    "PartitionElem",
    "PartitionSpec",
    "PartitionBoundSpec",
    "PartitionRangeDatum",
    "PartitionCmd",
    "RangeTblEntry",
    "RTEPermissionInfo",
    "RangeTblFunction",
    "TableSampleClause",
    "WithCheckOption",
    "SortGroupClause",
    "GroupingSet",
    "WindowClause",
    "RowMarkClause",
    "WithClause",
    "InferClause",
    "OnConflictClause",
    "CTESearchClause",
    "CTECycleClause",
    "CommonTableExpr",
    "MergeWhenClause",
    "ReturningOption",
    "ReturningClause",
    "TriggerTransition",
    "JsonOutput",
    "JsonArgument",
    "JsonFuncExpr",
    "JsonTablePathSpec",
    "JsonTable",
    "JsonTableColumn",
    "JsonKeyValue",
    "JsonParseExpr",
    "JsonScalarExpr",
    "JsonSerializeExpr",
    "JsonObjectConstructor",
    "JsonArrayConstructor",
    "JsonArrayQueryConstructor",
    "JsonAggConstructor",
    "JsonObjectAgg",
    "JsonArrayAgg",
    "RawStmt",
    "InsertStmt",
    "DeleteStmt",
    "UpdateStmt",
    "MergeStmt",
    "SelectStmt",
    "SetOperationStmt",
    "ReturnStmt",
    "PLAssignStmt",
    "CreateSchemaStmt",
    "AlterTableStmt",
    "AlterTableCmd",
    "ATAlterConstraint",
    "ReplicaIdentityStmt",
    "AlterCollationStmt",
    "AlterDomainStmt",
    "GrantStmt",
    "ObjectWithArgs",
    "AccessPriv",
    "GrantRoleStmt",
    "AlterDefaultPrivilegesStmt",
    "CopyStmt",
    "VariableSetStmt",
    "VariableShowStmt",
    "CreateStmt",
    "Constraint",
    "CreateTableSpaceStmt",
    "DropTableSpaceStmt",
    "AlterTableSpaceOptionsStmt",
    "AlterTableMoveAllStmt",
    "CreateExtensionStmt",
    "AlterExtensionStmt",
    "AlterExtensionContentsStmt",
    "CreateFdwStmt",
    "AlterFdwStmt",
    "CreateForeignServerStmt",
    "AlterForeignServerStmt",
    "CreateForeignTableStmt",
    "CreateUserMappingStmt",
    "AlterUserMappingStmt",
    "DropUserMappingStmt",
    "ImportForeignSchemaStmt",
    "CreatePolicyStmt",
    "AlterPolicyStmt",
    "CreateAmStmt",
    "CreateTrigStmt",
    "CreateEventTrigStmt",
    "AlterEventTrigStmt",
    "CreatePLangStmt",
    "CreateRoleStmt",
    "AlterRoleStmt",
    "AlterRoleSetStmt",
    "DropRoleStmt",
    "CreateSeqStmt",
    "AlterSeqStmt",
    "DefineStmt",
    "CreateDomainStmt",
    "CreateOpClassStmt",
    "CreateOpClassItem",
    "CreateOpFamilyStmt",
    "AlterOpFamilyStmt",
    "DropStmt",
    "TruncateStmt",
    "CommentStmt",
    "SecLabelStmt",
    "DeclareCursorStmt",
    "ClosePortalStmt",
    "FetchStmt",
    "IndexStmt",
    "CreateStatsStmt",
    "StatsElem",
    "AlterStatsStmt",
    "CreateFunctionStmt",
    "FunctionParameter",
    "AlterFunctionStmt",
    "DoStmt",
    "InlineCodeBlock",
    "CallStmt",
    "CallContext",
    "RenameStmt",
    "AlterObjectDependsStmt",
    "AlterObjectSchemaStmt",
    "AlterOwnerStmt",
    "AlterOperatorStmt",
    "AlterTypeStmt",
    "RuleStmt",
    "NotifyStmt",
    "ListenStmt",
    "UnlistenStmt",
    "TransactionStmt",
    "CompositeTypeStmt",
    "CreateEnumStmt",
    "CreateRangeStmt",
    "AlterEnumStmt",
    "ViewStmt",
    "LoadStmt",
    "CreatedbStmt",
    "AlterDatabaseStmt",
    "AlterDatabaseRefreshCollStmt",
    "AlterDatabaseSetStmt",
    "DropdbStmt",
    "AlterSystemStmt",
    "ClusterStmt",
    "VacuumStmt",
    "VacuumRelation",
    "ExplainStmt",
    "CreateTableAsStmt",
    "RefreshMatViewStmt",
    "CheckPointStmt",
    "DiscardStmt",
    "LockStmt",
    "ConstraintsSetStmt",
    "ReindexStmt",
    "CreateConversionStmt",
    "CreateCastStmt",
    "CreateTransformStmt",
    "PrepareStmt",
    "ExecuteStmt",
    "DeallocateStmt",
    "DropOwnedStmt",
    "ReassignOwnedStmt",
    "AlterTSDictionaryStmt",
    "AlterTSConfigurationStmt",
    "PublicationTable",
    "PublicationObjSpec",
    "CreatePublicationStmt",
    "AlterPublicationStmt",
    "CreateSubscriptionStmt",
    "AlterSubscriptionStmt",
    "DropSubscriptionStmt",
    "ScanToken",
    "SummaryResult",
    "Table",
    "Function",
    "FilterColumn",
];

const LISTS: &[bool] = &[
    false,
    false,
    false,
    false,
    false,
    false,
    false,
    false,
    true,
    true,
    true,
    false,
    true,
    false,
    true,
    true,
    false,
    false,
    true,
    true,
    true,
    false,
    false,
    true,
    true,
    false,
    true,
    true,
    true,
    true,
    true,
    true,
    true,
    true,
    false,
    true,
    false,
    false,
    false,
    false,
    false,
    true,
    false,
    false,
    true,
    true,
    true,
    true,
    true,
    false,
    true,
    false,
    false,
    false,
    true,
    false,
    false,
    true,
    false,
    false,
    false,
    false,
    false,
    true,
    false,
    false,
    false,
    false,
    false,
    false,
    false,
    false,
    false,
    true,
    true,
    true,
    true,
    true,
    true,
    false,
    true,
    false,
    true,
    false,
    true,
    false,
    false,
    true,
    true,
    true,
    false,
    true,
    true,
    false,
    true,
    true,
    false,
    true,
    true,
    false,
    true,
    false,
    true,
    false,
    true,
    true,
    true,
    false,
    false,
    true,
    false,
    true,
    true,
    false,
    false,
    true,
    true,
    false,
    true,
    true,
    true,
    true,
    true,
    true,
    true,
    false,
    true,
    false,
    false,
    false,
    true,
    false,
    true,
    true,
    false,
    false,
    false,
    false,
    true,
    true,
    false,
    true,
    false,
    false,
    false,
    true,
    true,
    true,
    true,
    true,
    true,
    false,
    true,
    true,
    true,
    false,
    false,
    false,
    true,
    true,
    true,
    true,
    true,
    true,
    true,
    true,
    true,
    false,
    true,
    true,
    true,
    false,
    true,
    true,
    true,
    true,
    false,
    true,
    true,
    true,
    true,
    true,
    true,
    true,
    false,
    true,
    true,
    true,
    true,
    true,
    true,
    false,
    true,
    true,
    true,
    false,
    true,
    true,
    true,
    true,
    true,
    true,
    true,
    true,
    true,
    true,
    true,
    false,
    false,
    false,
    false,
    false,
    true,
    true,
    false,
    true,
    true,
    false,
    true,
    true,
    false,
    true,
    false,
    false,
    false,
    false,
    false,
    true,
    true,
    true,
    false,
    false,
    false,
    true,
    true,
    true,
    true,
    true,
    true,
    false,
    true,
    true,
    false,
    false,
    true,
    false,
    true,
    true,
    true,
    true,
    false,
    false,
    false,
    false,
    true,
    true,
    true,
    true,
    false,
    false,
    true,
    true,
    false,
    true,
    true,
    true,
    true,
    true,
    false,
    true,
    true,
    true,
    true,
    false,
    false,
    false,
    false,
    false,
    false,
];

const FIELDS: &[&[FieldInfo]] = &[
    &[
        f(1, "version", Shape::Number, false),
        f(2, "stmts", Shape::Message(Kind::RawStmt), true),
    ],
    &[
        f(1, "version", Shape::Number, false),
        f(2, "tokens", Shape::Message(Kind::ScanToken), true),
    ],
    &[
        f(1, "alias", Shape::Message(Kind::Alias), false),
        f(2, "range_var", Shape::Message(Kind::RangeVar), false),
        f(3, "table_func", Shape::Message(Kind::TableFunc), false),
        f(4, "into_clause", Shape::Message(Kind::IntoClause), false),
        f(5, "var", Shape::Message(Kind::Var), false),
        f(6, "param", Shape::Message(Kind::Param), false),
        f(7, "aggref", Shape::Message(Kind::Aggref), false),
        f(8, "grouping_func", Shape::Message(Kind::GroupingFunc), false),
        f(9, "window_func", Shape::Message(Kind::WindowFunc), false),
        f(10, "window_func_run_condition", Shape::Message(Kind::WindowFuncRunCondition), false),
        f(11, "merge_support_func", Shape::Message(Kind::MergeSupportFunc), false),
        f(12, "subscripting_ref", Shape::Message(Kind::SubscriptingRef), false),
        f(13, "func_expr", Shape::Message(Kind::FuncExpr), false),
        f(14, "named_arg_expr", Shape::Message(Kind::NamedArgExpr), false),
        f(15, "op_expr", Shape::Message(Kind::OpExpr), false),
        f(16, "distinct_expr", Shape::Message(Kind::DistinctExpr), false),
        f(17, "null_if_expr", Shape::Message(Kind::NullIfExpr), false),
        f(18, "scalar_array_op_expr", Shape::Message(Kind::ScalarArrayOpExpr), false),
        f(19, "bool_expr", Shape::Message(Kind::BoolExpr), false),
        f(20, "sub_link", Shape::Message(Kind::SubLink), false),
        f(21, "sub_plan", Shape::Message(Kind::SubPlan), false),
        f(22, "alternative_sub_plan", Shape::Message(Kind::AlternativeSubPlan), false),
        f(23, "field_select", Shape::Message(Kind::FieldSelect), false),
        f(24, "field_store", Shape::Message(Kind::FieldStore), false),
        f(25, "relabel_type", Shape::Message(Kind::RelabelType), false),
        f(26, "coerce_via_io", Shape::Message(Kind::CoerceViaIO), false),
        f(27, "array_coerce_expr", Shape::Message(Kind::ArrayCoerceExpr), false),
        f(28, "convert_rowtype_expr", Shape::Message(Kind::ConvertRowtypeExpr), false),
        f(29, "collate_expr", Shape::Message(Kind::CollateExpr), false),
        f(30, "case_expr", Shape::Message(Kind::CaseExpr), false),
        f(31, "case_when", Shape::Message(Kind::CaseWhen), false),
        f(32, "case_test_expr", Shape::Message(Kind::CaseTestExpr), false),
        f(33, "array_expr", Shape::Message(Kind::ArrayExpr), false),
        f(34, "row_expr", Shape::Message(Kind::RowExpr), false),
        f(35, "row_compare_expr", Shape::Message(Kind::RowCompareExpr), false),
        f(36, "coalesce_expr", Shape::Message(Kind::CoalesceExpr), false),
        f(37, "min_max_expr", Shape::Message(Kind::MinMaxExpr), false),
        f(38, "sqlvalue_function", Shape::Message(Kind::SQLValueFunction), false),
        f(39, "xml_expr", Shape::Message(Kind::XmlExpr), false),
        f(40, "json_format", Shape::Message(Kind::JsonFormat), false),
        f(41, "json_returning", Shape::Message(Kind::JsonReturning), false),
        f(42, "json_value_expr", Shape::Message(Kind::JsonValueExpr), false),
        f(43, "json_constructor_expr", Shape::Message(Kind::JsonConstructorExpr), false),
        f(44, "json_is_predicate", Shape::Message(Kind::JsonIsPredicate), false),
        f(45, "json_behavior", Shape::Message(Kind::JsonBehavior), false),
        f(46, "json_expr", Shape::Message(Kind::JsonExpr), false),
        f(47, "json_table_path", Shape::Message(Kind::JsonTablePath), false),
        f(48, "json_table_path_scan", Shape::Message(Kind::JsonTablePathScan), false),
        f(49, "json_table_sibling_join", Shape::Message(Kind::JsonTableSiblingJoin), false),
        f(50, "null_test", Shape::Message(Kind::NullTest), false),
        f(51, "boolean_test", Shape::Message(Kind::BooleanTest), false),
        f(52, "merge_action", Shape::Message(Kind::MergeAction), false),
        f(53, "coerce_to_domain", Shape::Message(Kind::CoerceToDomain), false),
        f(54, "coerce_to_domain_value", Shape::Message(Kind::CoerceToDomainValue), false),
        f(55, "set_to_default", Shape::Message(Kind::SetToDefault), false),
        f(56, "current_of_expr", Shape::Message(Kind::CurrentOfExpr), false),
        f(57, "next_value_expr", Shape::Message(Kind::NextValueExpr), false),
        f(58, "inference_elem", Shape::Message(Kind::InferenceElem), false),
        f(59, "returning_expr", Shape::Message(Kind::ReturningExpr), false),
        f(60, "target_entry", Shape::Message(Kind::TargetEntry), false),
        f(61, "range_tbl_ref", Shape::Message(Kind::RangeTblRef), false),
        f(62, "join_expr", Shape::Message(Kind::JoinExpr), false),
        f(63, "from_expr", Shape::Message(Kind::FromExpr), false),
        f(64, "on_conflict_expr", Shape::Message(Kind::OnConflictExpr), false),
        f(65, "query", Shape::Message(Kind::Query), false),
        f(66, "type_name", Shape::Message(Kind::TypeName), false),
        f(67, "column_ref", Shape::Message(Kind::ColumnRef), false),
        f(68, "param_ref", Shape::Message(Kind::ParamRef), false),
        f(69, "a_expr", Shape::Message(Kind::AExpr), false),
        f(70, "type_cast", Shape::Message(Kind::TypeCast), false),
        f(71, "collate_clause", Shape::Message(Kind::CollateClause), false),
        f(72, "role_spec", Shape::Message(Kind::RoleSpec), false),
        f(73, "func_call", Shape::Message(Kind::FuncCall), false),
        f(74, "a_star", Shape::Message(Kind::AStar), false),
        f(75, "a_indices", Shape::Message(Kind::AIndices), false),
        f(76, "a_indirection", Shape::Message(Kind::AIndirection), false),
        f(77, "a_array_expr", Shape::Message(Kind::AArrayExpr), false),
        f(78, "res_target", Shape::Message(Kind::ResTarget), false),
        f(79, "multi_assign_ref", Shape::Message(Kind::MultiAssignRef), false),
        f(80, "sort_by", Shape::Message(Kind::SortBy), false),
        f(81, "window_def", Shape::Message(Kind::WindowDef), false),
        f(82, "range_subselect", Shape::Message(Kind::RangeSubselect), false),
        f(83, "range_function", Shape::Message(Kind::RangeFunction), false),
        f(84, "range_table_func", Shape::Message(Kind::RangeTableFunc), false),
        f(85, "range_table_func_col", Shape::Message(Kind::RangeTableFuncCol), false),
        f(86, "range_table_sample", Shape::Message(Kind::RangeTableSample), false),
        f(87, "column_def", Shape::Message(Kind::ColumnDef), false),
        f(88, "table_like_clause", Shape::Message(Kind::TableLikeClause), false),
        f(89, "index_elem", Shape::Message(Kind::IndexElem), false),
        f(90, "def_elem", Shape::Message(Kind::DefElem), false),
        f(91, "locking_clause", Shape::Message(Kind::LockingClause), false),
        f(92, "xml_serialize", Shape::Message(Kind::XmlSerialize), false),
        f(93, "partition_elem", Shape::Message(Kind::PartitionElem), false),
        f(94, "partition_spec", Shape::Message(Kind::PartitionSpec), false),
        f(95, "partition_bound_spec", Shape::Message(Kind::PartitionBoundSpec), false),
        f(96, "partition_range_datum", Shape::Message(Kind::PartitionRangeDatum), false),
        f(97, "partition_cmd", Shape::Message(Kind::PartitionCmd), false),
        f(98, "range_tbl_entry", Shape::Message(Kind::RangeTblEntry), false),
        f(99, "rtepermission_info", Shape::Message(Kind::RTEPermissionInfo), false),
        f(100, "range_tbl_function", Shape::Message(Kind::RangeTblFunction), false),
        f(101, "table_sample_clause", Shape::Message(Kind::TableSampleClause), false),
        f(102, "with_check_option", Shape::Message(Kind::WithCheckOption), false),
        f(103, "sort_group_clause", Shape::Message(Kind::SortGroupClause), false),
        f(104, "grouping_set", Shape::Message(Kind::GroupingSet), false),
        f(105, "window_clause", Shape::Message(Kind::WindowClause), false),
        f(106, "row_mark_clause", Shape::Message(Kind::RowMarkClause), false),
        f(107, "with_clause", Shape::Message(Kind::WithClause), false),
        f(108, "infer_clause", Shape::Message(Kind::InferClause), false),
        f(109, "on_conflict_clause", Shape::Message(Kind::OnConflictClause), false),
        f(110, "ctesearch_clause", Shape::Message(Kind::CTESearchClause), false),
        f(111, "ctecycle_clause", Shape::Message(Kind::CTECycleClause), false),
        f(112, "common_table_expr", Shape::Message(Kind::CommonTableExpr), false),
        f(113, "merge_when_clause", Shape::Message(Kind::MergeWhenClause), false),
        f(114, "returning_option", Shape::Message(Kind::ReturningOption), false),
        f(115, "returning_clause", Shape::Message(Kind::ReturningClause), false),
        f(116, "trigger_transition", Shape::Message(Kind::TriggerTransition), false),
        f(117, "json_output", Shape::Message(Kind::JsonOutput), false),
        f(118, "json_argument", Shape::Message(Kind::JsonArgument), false),
        f(119, "json_func_expr", Shape::Message(Kind::JsonFuncExpr), false),
        f(120, "json_table_path_spec", Shape::Message(Kind::JsonTablePathSpec), false),
        f(121, "json_table", Shape::Message(Kind::JsonTable), false),
        f(122, "json_table_column", Shape::Message(Kind::JsonTableColumn), false),
        f(123, "json_key_value", Shape::Message(Kind::JsonKeyValue), false),
        f(124, "json_parse_expr", Shape::Message(Kind::JsonParseExpr), false),
        f(125, "json_scalar_expr", Shape::Message(Kind::JsonScalarExpr), false),
        f(126, "json_serialize_expr", Shape::Message(Kind::JsonSerializeExpr), false),
        f(127, "json_object_constructor", Shape::Message(Kind::JsonObjectConstructor), false),
        f(128, "json_array_constructor", Shape::Message(Kind::JsonArrayConstructor), false),
        f(129, "json_array_query_constructor", Shape::Message(Kind::JsonArrayQueryConstructor), false),
        f(130, "json_agg_constructor", Shape::Message(Kind::JsonAggConstructor), false),
        f(131, "json_object_agg", Shape::Message(Kind::JsonObjectAgg), false),
        f(132, "json_array_agg", Shape::Message(Kind::JsonArrayAgg), false),
        f(133, "raw_stmt", Shape::Message(Kind::RawStmt), false),
        f(134, "insert_stmt", Shape::Message(Kind::InsertStmt), false),
        f(135, "delete_stmt", Shape::Message(Kind::DeleteStmt), false),
        f(136, "update_stmt", Shape::Message(Kind::UpdateStmt), false),
        f(137, "merge_stmt", Shape::Message(Kind::MergeStmt), false),
        f(138, "select_stmt", Shape::Message(Kind::SelectStmt), false),
        f(139, "set_operation_stmt", Shape::Message(Kind::SetOperationStmt), false),
        f(140, "return_stmt", Shape::Message(Kind::ReturnStmt), false),
        f(141, "plassign_stmt", Shape::Message(Kind::PLAssignStmt), false),
        f(142, "create_schema_stmt", Shape::Message(Kind::CreateSchemaStmt), false),
        f(143, "alter_table_stmt", Shape::Message(Kind::AlterTableStmt), false),
        f(144, "alter_table_cmd", Shape::Message(Kind::AlterTableCmd), false),
        f(145, "atalter_constraint", Shape::Message(Kind::ATAlterConstraint), false),
        f(146, "replica_identity_stmt", Shape::Message(Kind::ReplicaIdentityStmt), false),
        f(147, "alter_collation_stmt", Shape::Message(Kind::AlterCollationStmt), false),
        f(148, "alter_domain_stmt", Shape::Message(Kind::AlterDomainStmt), false),
        f(149, "grant_stmt", Shape::Message(Kind::GrantStmt), false),
        f(150, "object_with_args", Shape::Message(Kind::ObjectWithArgs), false),
        f(151, "access_priv", Shape::Message(Kind::AccessPriv), false),
        f(152, "grant_role_stmt", Shape::Message(Kind::GrantRoleStmt), false),
        f(153, "alter_default_privileges_stmt", Shape::Message(Kind::AlterDefaultPrivilegesStmt), false),
        f(154, "copy_stmt", Shape::Message(Kind::CopyStmt), false),
        f(155, "variable_set_stmt", Shape::Message(Kind::VariableSetStmt), false),
        f(156, "variable_show_stmt", Shape::Message(Kind::VariableShowStmt), false),
        f(157, "create_stmt", Shape::Message(Kind::CreateStmt), false),
        f(158, "constraint", Shape::Message(Kind::Constraint), false),
        f(159, "create_table_space_stmt", Shape::Message(Kind::CreateTableSpaceStmt), false),
        f(160, "drop_table_space_stmt", Shape::Message(Kind::DropTableSpaceStmt), false),
        f(161, "alter_table_space_options_stmt", Shape::Message(Kind::AlterTableSpaceOptionsStmt), false),
        f(162, "alter_table_move_all_stmt", Shape::Message(Kind::AlterTableMoveAllStmt), false),
        f(163, "create_extension_stmt", Shape::Message(Kind::CreateExtensionStmt), false),
        f(164, "alter_extension_stmt", Shape::Message(Kind::AlterExtensionStmt), false),
        f(165, "alter_extension_contents_stmt", Shape::Message(Kind::AlterExtensionContentsStmt), false),
        f(166, "create_fdw_stmt", Shape::Message(Kind::CreateFdwStmt), false),
        f(167, "alter_fdw_stmt", Shape::Message(Kind::AlterFdwStmt), false),
        f(168, "create_foreign_server_stmt", Shape::Message(Kind::CreateForeignServerStmt), false),
        f(169, "alter_foreign_server_stmt", Shape::Message(Kind::AlterForeignServerStmt), false),
        f(170, "create_foreign_table_stmt", Shape::Message(Kind::CreateForeignTableStmt), false),
        f(171, "create_user_mapping_stmt", Shape::Message(Kind::CreateUserMappingStmt), false),
        f(172, "alter_user_mapping_stmt", Shape::Message(Kind::AlterUserMappingStmt), false),
        f(173, "drop_user_mapping_stmt", Shape::Message(Kind::DropUserMappingStmt), false),
        f(174, "import_foreign_schema_stmt", Shape::Message(Kind::ImportForeignSchemaStmt), false),
        f(175, "create_policy_stmt", Shape::Message(Kind::CreatePolicyStmt), false),
        f(176, "alter_policy_stmt", Shape::Message(Kind::AlterPolicyStmt), false),
        f(177, "create_am_stmt", Shape::Message(Kind::CreateAmStmt), false),
        f(178, "create_trig_stmt", Shape::Message(Kind::CreateTrigStmt), false),
        f(179, "create_event_trig_stmt", Shape::Message(Kind::CreateEventTrigStmt), false),
        f(180, "alter_event_trig_stmt", Shape::Message(Kind::AlterEventTrigStmt), false),
        f(181, "create_plang_stmt", Shape::Message(Kind::CreatePLangStmt), false),
        f(182, "create_role_stmt", Shape::Message(Kind::CreateRoleStmt), false),
        f(183, "alter_role_stmt", Shape::Message(Kind::AlterRoleStmt), false),
        f(184, "alter_role_set_stmt", Shape::Message(Kind::AlterRoleSetStmt), false),
        f(185, "drop_role_stmt", Shape::Message(Kind::DropRoleStmt), false),
        f(186, "create_seq_stmt", Shape::Message(Kind::CreateSeqStmt), false),
        f(187, "alter_seq_stmt", Shape::Message(Kind::AlterSeqStmt), false),
        f(188, "define_stmt", Shape::Message(Kind::DefineStmt), false),
        f(189, "create_domain_stmt", Shape::Message(Kind::CreateDomainStmt), false),
        f(190, "create_op_class_stmt", Shape::Message(Kind::CreateOpClassStmt), false),
        f(191, "create_op_class_item", Shape::Message(Kind::CreateOpClassItem), false),
        f(192, "create_op_family_stmt", Shape::Message(Kind::CreateOpFamilyStmt), false),
        f(193, "alter_op_family_stmt", Shape::Message(Kind::AlterOpFamilyStmt), false),
        f(194, "drop_stmt", Shape::Message(Kind::DropStmt), false),
        f(195, "truncate_stmt", Shape::Message(Kind::TruncateStmt), false),
        f(196, "comment_stmt", Shape::Message(Kind::CommentStmt), false),
        f(197, "sec_label_stmt", Shape::Message(Kind::SecLabelStmt), false),
        f(198, "declare_cursor_stmt", Shape::Message(Kind::DeclareCursorStmt), false),
        f(199, "close_portal_stmt", Shape::Message(Kind::ClosePortalStmt), false),
        f(200, "fetch_stmt", Shape::Message(Kind::FetchStmt), false),
        f(201, "index_stmt", Shape::Message(Kind::IndexStmt), false),
        f(202, "create_stats_stmt", Shape::Message(Kind::CreateStatsStmt), false),
        f(203, "stats_elem", Shape::Message(Kind::StatsElem), false),
        f(204, "alter_stats_stmt", Shape::Message(Kind::AlterStatsStmt), false),
        f(205, "create_function_stmt", Shape::Message(Kind::CreateFunctionStmt), false),
        f(206, "function_parameter", Shape::Message(Kind::FunctionParameter), false),
        f(207, "alter_function_stmt", Shape::Message(Kind::AlterFunctionStmt), false),
        f(208, "do_stmt", Shape::Message(Kind::DoStmt), false),
        f(209, "inline_code_block", Shape::Message(Kind::InlineCodeBlock), false),
        f(210, "call_stmt", Shape::Message(Kind::CallStmt), false),
        f(211, "call_context", Shape::Message(Kind::CallContext), false),
        f(212, "rename_stmt", Shape::Message(Kind::RenameStmt), false),
        f(213, "alter_object_depends_stmt", Shape::Message(Kind::AlterObjectDependsStmt), false),
        f(214, "alter_object_schema_stmt", Shape::Message(Kind::AlterObjectSchemaStmt), false),
        f(215, "alter_owner_stmt", Shape::Message(Kind::AlterOwnerStmt), false),
        f(216, "alter_operator_stmt", Shape::Message(Kind::AlterOperatorStmt), false),
        f(217, "alter_type_stmt", Shape::Message(Kind::AlterTypeStmt), false),
        f(218, "rule_stmt", Shape::Message(Kind::RuleStmt), false),
        f(219, "notify_stmt", Shape::Message(Kind::NotifyStmt), false),
        f(220, "listen_stmt", Shape::Message(Kind::ListenStmt), false),
        f(221, "unlisten_stmt", Shape::Message(Kind::UnlistenStmt), false),
        f(222, "transaction_stmt", Shape::Message(Kind::TransactionStmt), false),
        f(223, "composite_type_stmt", Shape::Message(Kind::CompositeTypeStmt), false),
        f(224, "create_enum_stmt", Shape::Message(Kind::CreateEnumStmt), false),
        f(225, "create_range_stmt", Shape::Message(Kind::CreateRangeStmt), false),
        f(226, "alter_enum_stmt", Shape::Message(Kind::AlterEnumStmt), false),
        f(227, "view_stmt", Shape::Message(Kind::ViewStmt), false),
        f(228, "load_stmt", Shape::Message(Kind::LoadStmt), false),
        f(229, "createdb_stmt", Shape::Message(Kind::CreatedbStmt), false),
        f(230, "alter_database_stmt", Shape::Message(Kind::AlterDatabaseStmt), false),
        f(231, "alter_database_refresh_coll_stmt", Shape::Message(Kind::AlterDatabaseRefreshCollStmt), false),
        f(232, "alter_database_set_stmt", Shape::Message(Kind::AlterDatabaseSetStmt), false),
        f(233, "dropdb_stmt", Shape::Message(Kind::DropdbStmt), false),
        f(234, "alter_system_stmt", Shape::Message(Kind::AlterSystemStmt), false),
        f(235, "cluster_stmt", Shape::Message(Kind::ClusterStmt), false),
        f(236, "vacuum_stmt", Shape::Message(Kind::VacuumStmt), false),
        f(237, "vacuum_relation", Shape::Message(Kind::VacuumRelation), false),
        f(238, "explain_stmt", Shape::Message(Kind::ExplainStmt), false),
        f(239, "create_table_as_stmt", Shape::Message(Kind::CreateTableAsStmt), false),
        f(240, "refresh_mat_view_stmt", Shape::Message(Kind::RefreshMatViewStmt), false),
        f(241, "check_point_stmt", Shape::Message(Kind::CheckPointStmt), false),
        f(242, "discard_stmt", Shape::Message(Kind::DiscardStmt), false),
        f(243, "lock_stmt", Shape::Message(Kind::LockStmt), false),
        f(244, "constraints_set_stmt", Shape::Message(Kind::ConstraintsSetStmt), false),
        f(245, "reindex_stmt", Shape::Message(Kind::ReindexStmt), false),
        f(246, "create_conversion_stmt", Shape::Message(Kind::CreateConversionStmt), false),
        f(247, "create_cast_stmt", Shape::Message(Kind::CreateCastStmt), false),
        f(248, "create_transform_stmt", Shape::Message(Kind::CreateTransformStmt), false),
        f(249, "prepare_stmt", Shape::Message(Kind::PrepareStmt), false),
        f(250, "execute_stmt", Shape::Message(Kind::ExecuteStmt), false),
        f(251, "deallocate_stmt", Shape::Message(Kind::DeallocateStmt), false),
        f(252, "drop_owned_stmt", Shape::Message(Kind::DropOwnedStmt), false),
        f(253, "reassign_owned_stmt", Shape::Message(Kind::ReassignOwnedStmt), false),
        f(254, "alter_tsdictionary_stmt", Shape::Message(Kind::AlterTSDictionaryStmt), false),
        f(255, "alter_tsconfiguration_stmt", Shape::Message(Kind::AlterTSConfigurationStmt), false),
        f(256, "publication_table", Shape::Message(Kind::PublicationTable), false),
        f(257, "publication_obj_spec", Shape::Message(Kind::PublicationObjSpec), false),
        f(258, "create_publication_stmt", Shape::Message(Kind::CreatePublicationStmt), false),
        f(259, "alter_publication_stmt", Shape::Message(Kind::AlterPublicationStmt), false),
        f(260, "create_subscription_stmt", Shape::Message(Kind::CreateSubscriptionStmt), false),
        f(261, "alter_subscription_stmt", Shape::Message(Kind::AlterSubscriptionStmt), false),
        f(262, "drop_subscription_stmt", Shape::Message(Kind::DropSubscriptionStmt), false),
        f(263, "integer", Shape::Message(Kind::Integer), false),
        f(264, "float", Shape::Message(Kind::Float), false),
        f(265, "boolean", Shape::Message(Kind::Boolean), false),
        f(266, "string", Shape::Message(Kind::String), false),
        f(267, "bit_string", Shape::Message(Kind::BitString), false),
        f(268, "list", Shape::Message(Kind::List), false),
        f(269, "int_list", Shape::Message(Kind::IntList), false),
        f(270, "oid_list", Shape::Message(Kind::OidList), false),
        f(271, "a_const", Shape::Message(Kind::AConst), false),
    ],
    &[
        f(1, "ival", Shape::Number, false),
    ],
    &[
        f(1, "fval", Shape::Text, false),
    ],
    &[
        f(1, "boolval", Shape::Number, false),
    ],
    &[
        f(1, "sval", Shape::Text, false),
    ],
    &[
        f(1, "bsval", Shape::Text, false),
    ],
    &[
        f(1, "items", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "items", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "items", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "ival", Shape::Message(Kind::Integer), false),
        f(2, "fval", Shape::Message(Kind::Float), false),
        f(3, "boolval", Shape::Message(Kind::Boolean), false),
        f(4, "sval", Shape::Message(Kind::String), false),
        f(5, "bsval", Shape::Message(Kind::BitString), false),
        f(10, "isnull", Shape::Number, false),
        f(11, "location", Shape::Number, false),
    ],
    &[
        f(1, "aliasname", Shape::Text, false),
        f(2, "colnames", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "catalogname", Shape::Text, false),
        f(2, "schemaname", Shape::Text, false),
        f(3, "relname", Shape::Text, false),
        f(4, "inh", Shape::Number, false),
        f(5, "relpersistence", Shape::Text, false),
        f(6, "alias", Shape::Message(Kind::Alias), false),
        f(7, "location", Shape::Number, false),
    ],
    &[
        f(1, "functype", Shape::Number, false),
        f(2, "ns_uris", Shape::Message(Kind::Node), true),
        f(3, "ns_names", Shape::Message(Kind::Node), true),
        f(4, "docexpr", Shape::Message(Kind::Node), false),
        f(5, "rowexpr", Shape::Message(Kind::Node), false),
        f(6, "colnames", Shape::Message(Kind::Node), true),
        f(7, "coltypes", Shape::Message(Kind::Node), true),
        f(8, "coltypmods", Shape::Message(Kind::Node), true),
        f(9, "colcollations", Shape::Message(Kind::Node), true),
        f(10, "colexprs", Shape::Message(Kind::Node), true),
        f(11, "coldefexprs", Shape::Message(Kind::Node), true),
        f(12, "colvalexprs", Shape::Message(Kind::Node), true),
        f(13, "passingvalexprs", Shape::Message(Kind::Node), true),
        f(14, "notnulls", Shape::Number, true),
        f(15, "plan", Shape::Message(Kind::Node), false),
        f(16, "ordinalitycol", Shape::Number, false),
        f(17, "location", Shape::Number, false),
    ],
    &[
        f(1, "rel", Shape::Message(Kind::RangeVar), false),
        f(2, "col_names", Shape::Message(Kind::Node), true),
        f(3, "access_method", Shape::Text, false),
        f(4, "options", Shape::Message(Kind::Node), true),
        f(5, "on_commit", Shape::Number, false),
        f(6, "table_space_name", Shape::Text, false),
        f(7, "view_query", Shape::Message(Kind::Query), false),
        f(8, "skip_data", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "varno", Shape::Number, false),
        f(3, "varattno", Shape::Number, false),
        f(4, "vartype", Shape::Number, false),
        f(5, "vartypmod", Shape::Number, false),
        f(6, "varcollid", Shape::Number, false),
        f(7, "varnullingrels", Shape::Number, true),
        f(8, "varlevelsup", Shape::Number, false),
        f(9, "varreturningtype", Shape::Number, false),
        f(10, "location", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "paramkind", Shape::Number, false),
        f(3, "paramid", Shape::Number, false),
        f(4, "paramtype", Shape::Number, false),
        f(5, "paramtypmod", Shape::Number, false),
        f(6, "paramcollid", Shape::Number, false),
        f(7, "location", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "aggfnoid", Shape::Number, false),
        f(3, "aggtype", Shape::Number, false),
        f(4, "aggcollid", Shape::Number, false),
        f(5, "inputcollid", Shape::Number, false),
        f(6, "aggargtypes", Shape::Message(Kind::Node), true),
        f(7, "aggdirectargs", Shape::Message(Kind::Node), true),
        f(8, "args", Shape::Message(Kind::Node), true),
        f(9, "aggorder", Shape::Message(Kind::Node), true),
        f(10, "aggdistinct", Shape::Message(Kind::Node), true),
        f(11, "aggfilter", Shape::Message(Kind::Node), false),
        f(12, "aggstar", Shape::Number, false),
        f(13, "aggvariadic", Shape::Number, false),
        f(14, "aggkind", Shape::Text, false),
        f(15, "agglevelsup", Shape::Number, false),
        f(16, "aggsplit", Shape::Number, false),
        f(17, "aggno", Shape::Number, false),
        f(18, "aggtransno", Shape::Number, false),
        f(19, "location", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "args", Shape::Message(Kind::Node), true),
        f(3, "refs", Shape::Message(Kind::Node), true),
        f(4, "agglevelsup", Shape::Number, false),
        f(5, "location", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "winfnoid", Shape::Number, false),
        f(3, "wintype", Shape::Number, false),
        f(4, "wincollid", Shape::Number, false),
        f(5, "inputcollid", Shape::Number, false),
        f(6, "args", Shape::Message(Kind::Node), true),
        f(7, "aggfilter", Shape::Message(Kind::Node), false),
        f(8, "run_condition", Shape::Message(Kind::Node), true),
        f(9, "winref", Shape::Number, false),
        f(10, "winstar", Shape::Number, false),
        f(11, "winagg", Shape::Number, false),
        f(12, "location", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "opno", Shape::Number, false),
        f(3, "inputcollid", Shape::Number, false),
        f(4, "wfunc_left", Shape::Number, false),
        f(5, "arg", Shape::Message(Kind::Node), false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "msftype", Shape::Number, false),
        f(3, "msfcollid", Shape::Number, false),
        f(4, "location", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "refcontainertype", Shape::Number, false),
        f(3, "refelemtype", Shape::Number, false),
        f(4, "refrestype", Shape::Number, false),
        f(5, "reftypmod", Shape::Number, false),
        f(6, "refcollid", Shape::Number, false),
        f(7, "refupperindexpr", Shape::Message(Kind::Node), true),
        f(8, "reflowerindexpr", Shape::Message(Kind::Node), true),
        f(9, "refexpr", Shape::Message(Kind::Node), false),
        f(10, "refassgnexpr", Shape::Message(Kind::Node), false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "funcid", Shape::Number, false),
        f(3, "funcresulttype", Shape::Number, false),
        f(4, "funcretset", Shape::Number, false),
        f(5, "funcvariadic", Shape::Number, false),
        f(6, "funcformat", Shape::Number, false),
        f(7, "funccollid", Shape::Number, false),
        f(8, "inputcollid", Shape::Number, false),
        f(9, "args", Shape::Message(Kind::Node), true),
        f(10, "location", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "arg", Shape::Message(Kind::Node), false),
        f(3, "name", Shape::Text, false),
        f(4, "argnumber", Shape::Number, false),
        f(5, "location", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "opno", Shape::Number, false),
        f(3, "opresulttype", Shape::Number, false),
        f(4, "opretset", Shape::Number, false),
        f(5, "opcollid", Shape::Number, false),
        f(6, "inputcollid", Shape::Number, false),
        f(7, "args", Shape::Message(Kind::Node), true),
        f(8, "location", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "opno", Shape::Number, false),
        f(3, "opresulttype", Shape::Number, false),
        f(4, "opretset", Shape::Number, false),
        f(5, "opcollid", Shape::Number, false),
        f(6, "inputcollid", Shape::Number, false),
        f(7, "args", Shape::Message(Kind::Node), true),
        f(8, "location", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "opno", Shape::Number, false),
        f(3, "opresulttype", Shape::Number, false),
        f(4, "opretset", Shape::Number, false),
        f(5, "opcollid", Shape::Number, false),
        f(6, "inputcollid", Shape::Number, false),
        f(7, "args", Shape::Message(Kind::Node), true),
        f(8, "location", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "opno", Shape::Number, false),
        f(3, "use_or", Shape::Number, false),
        f(4, "inputcollid", Shape::Number, false),
        f(5, "args", Shape::Message(Kind::Node), true),
        f(6, "location", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "boolop", Shape::Number, false),
        f(3, "args", Shape::Message(Kind::Node), true),
        f(4, "location", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "sub_link_type", Shape::Number, false),
        f(3, "sub_link_id", Shape::Number, false),
        f(4, "testexpr", Shape::Message(Kind::Node), false),
        f(5, "oper_name", Shape::Message(Kind::Node), true),
        f(6, "subselect", Shape::Message(Kind::Node), false),
        f(7, "location", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "sub_link_type", Shape::Number, false),
        f(3, "testexpr", Shape::Message(Kind::Node), false),
        f(4, "param_ids", Shape::Message(Kind::Node), true),
        f(5, "plan_id", Shape::Number, false),
        f(6, "plan_name", Shape::Text, false),
        f(7, "first_col_type", Shape::Number, false),
        f(8, "first_col_typmod", Shape::Number, false),
        f(9, "first_col_collation", Shape::Number, false),
        f(10, "use_hash_table", Shape::Number, false),
        f(11, "unknown_eq_false", Shape::Number, false),
        f(12, "parallel_safe", Shape::Number, false),
        f(13, "set_param", Shape::Message(Kind::Node), true),
        f(14, "par_param", Shape::Message(Kind::Node), true),
        f(15, "args", Shape::Message(Kind::Node), true),
        f(16, "startup_cost", Shape::Double, false),
        f(17, "per_call_cost", Shape::Double, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "subplans", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "arg", Shape::Message(Kind::Node), false),
        f(3, "fieldnum", Shape::Number, false),
        f(4, "resulttype", Shape::Number, false),
        f(5, "resulttypmod", Shape::Number, false),
        f(6, "resultcollid", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "arg", Shape::Message(Kind::Node), false),
        f(3, "newvals", Shape::Message(Kind::Node), true),
        f(4, "fieldnums", Shape::Message(Kind::Node), true),
        f(5, "resulttype", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "arg", Shape::Message(Kind::Node), false),
        f(3, "resulttype", Shape::Number, false),
        f(4, "resulttypmod", Shape::Number, false),
        f(5, "resultcollid", Shape::Number, false),
        f(6, "relabelformat", Shape::Number, false),
        f(7, "location", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "arg", Shape::Message(Kind::Node), false),
        f(3, "resulttype", Shape::Number, false),
        f(4, "resultcollid", Shape::Number, false),
        f(5, "coerceformat", Shape::Number, false),
        f(6, "location", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "arg", Shape::Message(Kind::Node), false),
        f(3, "elemexpr", Shape::Message(Kind::Node), false),
        f(4, "resulttype", Shape::Number, false),
        f(5, "resulttypmod", Shape::Number, false),
        f(6, "resultcollid", Shape::Number, false),
        f(7, "coerceformat", Shape::Number, false),
        f(8, "location", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "arg", Shape::Message(Kind::Node), false),
        f(3, "resulttype", Shape::Number, false),
        f(4, "convertformat", Shape::Number, false),
        f(5, "location", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "arg", Shape::Message(Kind::Node), false),
        f(3, "coll_oid", Shape::Number, false),
        f(4, "location", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "casetype", Shape::Number, false),
        f(3, "casecollid", Shape::Number, false),
        f(4, "arg", Shape::Message(Kind::Node), false),
        f(5, "args", Shape::Message(Kind::Node), true),
        f(6, "defresult", Shape::Message(Kind::Node), false),
        f(7, "location", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "expr", Shape::Message(Kind::Node), false),
        f(3, "result", Shape::Message(Kind::Node), false),
        f(4, "location", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "type_id", Shape::Number, false),
        f(3, "type_mod", Shape::Number, false),
        f(4, "collation", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "array_typeid", Shape::Number, false),
        f(3, "array_collid", Shape::Number, false),
        f(4, "element_typeid", Shape::Number, false),
        f(5, "elements", Shape::Message(Kind::Node), true),
        f(6, "multidims", Shape::Number, false),
        f(7, "list_start", Shape::Number, false),
        f(8, "list_end", Shape::Number, false),
        f(9, "location", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "args", Shape::Message(Kind::Node), true),
        f(3, "row_typeid", Shape::Number, false),
        f(4, "row_format", Shape::Number, false),
        f(5, "colnames", Shape::Message(Kind::Node), true),
        f(6, "location", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "cmptype", Shape::Number, false),
        f(3, "opnos", Shape::Message(Kind::Node), true),
        f(4, "opfamilies", Shape::Message(Kind::Node), true),
        f(5, "inputcollids", Shape::Message(Kind::Node), true),
        f(6, "largs", Shape::Message(Kind::Node), true),
        f(7, "rargs", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "coalescetype", Shape::Number, false),
        f(3, "coalescecollid", Shape::Number, false),
        f(4, "args", Shape::Message(Kind::Node), true),
        f(5, "location", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "minmaxtype", Shape::Number, false),
        f(3, "minmaxcollid", Shape::Number, false),
        f(4, "inputcollid", Shape::Number, false),
        f(5, "op", Shape::Number, false),
        f(6, "args", Shape::Message(Kind::Node), true),
        f(7, "location", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "op", Shape::Number, false),
        f(3, "type", Shape::Number, false),
        f(4, "typmod", Shape::Number, false),
        f(5, "location", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "op", Shape::Number, false),
        f(3, "name", Shape::Text, false),
        f(4, "named_args", Shape::Message(Kind::Node), true),
        f(5, "arg_names", Shape::Message(Kind::Node), true),
        f(6, "args", Shape::Message(Kind::Node), true),
        f(7, "xmloption", Shape::Number, false),
        f(8, "indent", Shape::Number, false),
        f(9, "type", Shape::Number, false),
        f(10, "typmod", Shape::Number, false),
        f(11, "location", Shape::Number, false),
    ],
    &[
        f(1, "format_type", Shape::Number, false),
        f(2, "encoding", Shape::Number, false),
        f(3, "location", Shape::Number, false),
    ],
    &[
        f(1, "format", Shape::Message(Kind::JsonFormat), false),
        f(2, "typid", Shape::Number, false),
        f(3, "typmod", Shape::Number, false),
    ],
    &[
        f(1, "raw_expr", Shape::Message(Kind::Node), false),
        f(2, "formatted_expr", Shape::Message(Kind::Node), false),
        f(3, "format", Shape::Message(Kind::JsonFormat), false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "type", Shape::Number, false),
        f(3, "args", Shape::Message(Kind::Node), true),
        f(4, "func", Shape::Message(Kind::Node), false),
        f(5, "coercion", Shape::Message(Kind::Node), false),
        f(6, "returning", Shape::Message(Kind::JsonReturning), false),
        f(7, "absent_on_null", Shape::Number, false),
        f(8, "unique", Shape::Number, false),
        f(9, "location", Shape::Number, false),
    ],
    &[
        f(1, "expr", Shape::Message(Kind::Node), false),
        f(2, "format", Shape::Message(Kind::JsonFormat), false),
        f(3, "item_type", Shape::Number, false),
        f(4, "unique_keys", Shape::Number, false),
        f(5, "location", Shape::Number, false),
    ],
    &[
        f(1, "btype", Shape::Number, false),
        f(2, "expr", Shape::Message(Kind::Node), false),
        f(3, "coerce", Shape::Number, false),
        f(4, "location", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "op", Shape::Number, false),
        f(3, "column_name", Shape::Text, false),
        f(4, "formatted_expr", Shape::Message(Kind::Node), false),
        f(5, "format", Shape::Message(Kind::JsonFormat), false),
        f(6, "path_spec", Shape::Message(Kind::Node), false),
        f(7, "returning", Shape::Message(Kind::JsonReturning), false),
        f(8, "passing_names", Shape::Message(Kind::Node), true),
        f(9, "passing_values", Shape::Message(Kind::Node), true),
        f(10, "on_empty", Shape::Message(Kind::JsonBehavior), false),
        f(11, "on_error", Shape::Message(Kind::JsonBehavior), false),
        f(12, "use_io_coercion", Shape::Number, false),
        f(13, "use_json_coercion", Shape::Number, false),
        f(14, "wrapper", Shape::Number, false),
        f(15, "omit_quotes", Shape::Number, false),
        f(16, "collation", Shape::Number, false),
        f(17, "location", Shape::Number, false),
    ],
    &[
        f(1, "name", Shape::Text, false),
    ],
    &[
        f(1, "plan", Shape::Message(Kind::Node), false),
        f(2, "path", Shape::Message(Kind::JsonTablePath), false),
        f(3, "error_on_error", Shape::Number, false),
        f(4, "child", Shape::Message(Kind::Node), false),
        f(5, "col_min", Shape::Number, false),
        f(6, "col_max", Shape::Number, false),
    ],
    &[
        f(1, "plan", Shape::Message(Kind::Node), false),
        f(2, "lplan", Shape::Message(Kind::Node), false),
        f(3, "rplan", Shape::Message(Kind::Node), false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "arg", Shape::Message(Kind::Node), false),
        f(3, "nulltesttype", Shape::Number, false),
        f(4, "argisrow", Shape::Number, false),
        f(5, "location", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "arg", Shape::Message(Kind::Node), false),
        f(3, "booltesttype", Shape::Number, false),
        f(4, "location", Shape::Number, false),
    ],
    &[
        f(1, "match_kind", Shape::Number, false),
        f(2, "command_type", Shape::Number, false),
        f(3, "override", Shape::Number, false),
        f(4, "qual", Shape::Message(Kind::Node), false),
        f(5, "target_list", Shape::Message(Kind::Node), true),
        f(6, "update_colnos", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "arg", Shape::Message(Kind::Node), false),
        f(3, "resulttype", Shape::Number, false),
        f(4, "resulttypmod", Shape::Number, false),
        f(5, "resultcollid", Shape::Number, false),
        f(6, "coercionformat", Shape::Number, false),
        f(7, "location", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "type_id", Shape::Number, false),
        f(3, "type_mod", Shape::Number, false),
        f(4, "collation", Shape::Number, false),
        f(5, "location", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "type_id", Shape::Number, false),
        f(3, "type_mod", Shape::Number, false),
        f(4, "collation", Shape::Number, false),
        f(5, "location", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "cvarno", Shape::Number, false),
        f(3, "cursor_name", Shape::Text, false),
        f(4, "cursor_param", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "seqid", Shape::Number, false),
        f(3, "type_id", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "expr", Shape::Message(Kind::Node), false),
        f(3, "infercollid", Shape::Number, false),
        f(4, "inferopclass", Shape::Number, false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "retlevelsup", Shape::Number, false),
        f(3, "retold", Shape::Number, false),
        f(4, "retexpr", Shape::Message(Kind::Node), false),
    ],
    &[
        f(1, "xpr", Shape::Message(Kind::Node), false),
        f(2, "expr", Shape::Message(Kind::Node), false),
        f(3, "resno", Shape::Number, false),
        f(4, "resname", Shape::Text, false),
        f(5, "ressortgroupref", Shape::Number, false),
        f(6, "resorigtbl", Shape::Number, false),
        f(7, "resorigcol", Shape::Number, false),
        f(8, "resjunk", Shape::Number, false),
    ],
    &[
        f(1, "rtindex", Shape::Number, false),
    ],
    &[
        f(1, "jointype", Shape::Number, false),
        f(2, "is_natural", Shape::Number, false),
        f(3, "larg", Shape::Message(Kind::Node), false),
        f(4, "rarg", Shape::Message(Kind::Node), false),
        f(5, "using_clause", Shape::Message(Kind::Node), true),
        f(6, "join_using_alias", Shape::Message(Kind::Alias), false),
        f(7, "quals", Shape::Message(Kind::Node), false),
        f(8, "alias", Shape::Message(Kind::Alias), false),
        f(9, "rtindex", Shape::Number, false),
    ],
    &[
        f(1, "fromlist", Shape::Message(Kind::Node), true),
        f(2, "quals", Shape::Message(Kind::Node), false),
    ],
    &[
        f(1, "action", Shape::Number, false),
        f(2, "arbiter_elems", Shape::Message(Kind::Node), true),
        f(3, "arbiter_where", Shape::Message(Kind::Node), false),
        f(4, "constraint", Shape::Number, false),
        f(5, "on_conflict_set", Shape::Message(Kind::Node), true),
        f(6, "on_conflict_where", Shape::Message(Kind::Node), false),
        f(7, "excl_rel_index", Shape::Number, false),
        f(8, "excl_rel_tlist", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "command_type", Shape::Number, false),
        f(2, "query_source", Shape::Number, false),
        f(3, "can_set_tag", Shape::Number, false),
        f(4, "utility_stmt", Shape::Message(Kind::Node), false),
        f(5, "result_relation", Shape::Number, false),
        f(6, "has_aggs", Shape::Number, false),
        f(7, "has_window_funcs", Shape::Number, false),
        f(8, "has_target_srfs", Shape::Number, false),
        f(9, "has_sub_links", Shape::Number, false),
        f(10, "has_distinct_on", Shape::Number, false),
        f(11, "has_recursive", Shape::Number, false),
        f(12, "has_modifying_cte", Shape::Number, false),
        f(13, "has_for_update", Shape::Number, false),
        f(14, "has_row_security", Shape::Number, false),
        f(15, "has_group_rte", Shape::Number, false),
        f(16, "is_return", Shape::Number, false),
        f(17, "cte_list", Shape::Message(Kind::Node), true),
        f(18, "rtable", Shape::Message(Kind::Node), true),
        f(19, "rteperminfos", Shape::Message(Kind::Node), true),
        f(20, "jointree", Shape::Message(Kind::FromExpr), false),
        f(21, "merge_action_list", Shape::Message(Kind::Node), true),
        f(22, "merge_target_relation", Shape::Number, false),
        f(23, "merge_join_condition", Shape::Message(Kind::Node), false),
        f(24, "target_list", Shape::Message(Kind::Node), true),
        f(25, "override", Shape::Number, false),
        f(26, "on_conflict", Shape::Message(Kind::OnConflictExpr), false),
        f(27, "returning_old_alias", Shape::Text, false),
        f(28, "returning_new_alias", Shape::Text, false),
        f(29, "returning_list", Shape::Message(Kind::Node), true),
        f(30, "group_clause", Shape::Message(Kind::Node), true),
        f(31, "group_distinct", Shape::Number, false),
        f(32, "grouping_sets", Shape::Message(Kind::Node), true),
        f(33, "having_qual", Shape::Message(Kind::Node), false),
        f(34, "window_clause", Shape::Message(Kind::Node), true),
        f(35, "distinct_clause", Shape::Message(Kind::Node), true),
        f(36, "sort_clause", Shape::Message(Kind::Node), true),
        f(37, "limit_offset", Shape::Message(Kind::Node), false),
        f(38, "limit_count", Shape::Message(Kind::Node), false),
        f(39, "limit_option", Shape::Number, false),
        f(40, "row_marks", Shape::Message(Kind::Node), true),
        f(41, "set_operations", Shape::Message(Kind::Node), false),
        f(42, "constraint_deps", Shape::Message(Kind::Node), true),
        f(43, "with_check_options", Shape::Message(Kind::Node), true),
        f(44, "stmt_location", Shape::Number, false),
        f(45, "stmt_len", Shape::Number, false),
    ],
    &[
        f(1, "names", Shape::Message(Kind::Node), true),
        f(2, "type_oid", Shape::Number, false),
        f(3, "setof", Shape::Number, false),
        f(4, "pct_type", Shape::Number, false),
        f(5, "typmods", Shape::Message(Kind::Node), true),
        f(6, "typemod", Shape::Number, false),
        f(7, "array_bounds", Shape::Message(Kind::Node), true),
        f(8, "location", Shape::Number, false),
    ],
    &[
        f(1, "fields", Shape::Message(Kind::Node), true),
        f(2, "location", Shape::Number, false),
    ],
    &[
        f(1, "number", Shape::Number, false),
        f(2, "location", Shape::Number, false),
    ],
    &[
        f(1, "kind", Shape::Number, false),
        f(2, "name", Shape::Message(Kind::Node), true),
        f(3, "lexpr", Shape::Message(Kind::Node), false),
        f(4, "rexpr", Shape::Message(Kind::Node), false),
        f(5, "rexpr_list_start", Shape::Number, false),
        f(6, "rexpr_list_end", Shape::Number, false),
        f(7, "location", Shape::Number, false),
    ],
    &[
        f(1, "arg", Shape::Message(Kind::Node), false),
        f(2, "type_name", Shape::Message(Kind::TypeName), false),
        f(3, "location", Shape::Number, false),
    ],
    &[
        f(1, "arg", Shape::Message(Kind::Node), false),
        f(2, "collname", Shape::Message(Kind::Node), true),
        f(3, "location", Shape::Number, false),
    ],
    &[
        f(1, "roletype", Shape::Number, false),
        f(2, "rolename", Shape::Text, false),
        f(3, "location", Shape::Number, false),
    ],
    &[
        f(1, "funcname", Shape::Message(Kind::Node), true),
        f(2, "args", Shape::Message(Kind::Node), true),
        f(3, "agg_order", Shape::Message(Kind::Node), true),
        f(4, "agg_filter", Shape::Message(Kind::Node), false),
        f(5, "over", Shape::Message(Kind::WindowDef), false),
        f(6, "agg_within_group", Shape::Number, false),
        f(7, "agg_star", Shape::Number, false),
        f(8, "agg_distinct", Shape::Number, false),
        f(9, "func_variadic", Shape::Number, false),
        f(10, "funcformat", Shape::Number, false),
        f(11, "location", Shape::Number, false),
    ],
    &[
    ],
    &[
        f(1, "is_slice", Shape::Number, false),
        f(2, "lidx", Shape::Message(Kind::Node), false),
        f(3, "uidx", Shape::Message(Kind::Node), false),
    ],
    &[
        f(1, "arg", Shape::Message(Kind::Node), false),
        f(2, "indirection", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "elements", Shape::Message(Kind::Node), true),
        f(2, "list_start", Shape::Number, false),
        f(3, "list_end", Shape::Number, false),
        f(4, "location", Shape::Number, false),
    ],
    &[
        f(1, "name", Shape::Text, false),
        f(2, "indirection", Shape::Message(Kind::Node), true),
        f(3, "val", Shape::Message(Kind::Node), false),
        f(4, "location", Shape::Number, false),
    ],
    &[
        f(1, "source", Shape::Message(Kind::Node), false),
        f(2, "colno", Shape::Number, false),
        f(3, "ncolumns", Shape::Number, false),
    ],
    &[
        f(1, "node", Shape::Message(Kind::Node), false),
        f(2, "sortby_dir", Shape::Number, false),
        f(3, "sortby_nulls", Shape::Number, false),
        f(4, "use_op", Shape::Message(Kind::Node), true),
        f(5, "location", Shape::Number, false),
    ],
    &[
        f(1, "name", Shape::Text, false),
        f(2, "refname", Shape::Text, false),
        f(3, "partition_clause", Shape::Message(Kind::Node), true),
        f(4, "order_clause", Shape::Message(Kind::Node), true),
        f(5, "frame_options", Shape::Number, false),
        f(6, "start_offset", Shape::Message(Kind::Node), false),
        f(7, "end_offset", Shape::Message(Kind::Node), false),
        f(8, "location", Shape::Number, false),
    ],
    &[
        f(1, "lateral", Shape::Number, false),
        f(2, "subquery", Shape::Message(Kind::Node), false),
        f(3, "alias", Shape::Message(Kind::Alias), false),
    ],
    &[
        f(1, "lateral", Shape::Number, false),
        f(2, "ordinality", Shape::Number, false),
        f(3, "is_rowsfrom", Shape::Number, false),
        f(4, "functions", Shape::Message(Kind::Node), true),
        f(5, "alias", Shape::Message(Kind::Alias), false),
        f(6, "coldeflist", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "lateral", Shape::Number, false),
        f(2, "docexpr", Shape::Message(Kind::Node), false),
        f(3, "rowexpr", Shape::Message(Kind::Node), false),
        f(4, "namespaces", Shape::Message(Kind::Node), true),
        f(5, "columns", Shape::Message(Kind::Node), true),
        f(6, "alias", Shape::Message(Kind::Alias), false),
        f(7, "location", Shape::Number, false),
    ],
    &[
        f(1, "colname", Shape::Text, false),
        f(2, "type_name", Shape::Message(Kind::TypeName), false),
        f(3, "for_ordinality", Shape::Number, false),
        f(4, "is_not_null", Shape::Number, false),
        f(5, "colexpr", Shape::Message(Kind::Node), false),
        f(6, "coldefexpr", Shape::Message(Kind::Node), false),
        f(7, "location", Shape::Number, false),
    ],
    &[
        f(1, "relation", Shape::Message(Kind::Node), false),
        f(2, "method", Shape::Message(Kind::Node), true),
        f(3, "args", Shape::Message(Kind::Node), true),
        f(4, "repeatable", Shape::Message(Kind::Node), false),
        f(5, "location", Shape::Number, false),
    ],
    &[
        f(1, "colname", Shape::Text, false),
        f(2, "type_name", Shape::Message(Kind::TypeName), false),
        f(3, "compression", Shape::Text, false),
        f(4, "inhcount", Shape::Number, false),
        f(5, "is_local", Shape::Number, false),
        f(6, "is_not_null", Shape::Number, false),
        f(7, "is_from_type", Shape::Number, false),
        f(8, "storage", Shape::Text, false),
        f(9, "storage_name", Shape::Text, false),
        f(10, "raw_default", Shape::Message(Kind::Node), false),
        f(11, "cooked_default", Shape::Message(Kind::Node), false),
        f(12, "identity", Shape::Text, false),
        f(13, "identity_sequence", Shape::Message(Kind::RangeVar), false),
        f(14, "generated", Shape::Text, false),
        f(15, "coll_clause", Shape::Message(Kind::CollateClause), false),
        f(16, "coll_oid", Shape::Number, false),
        f(17, "constraints", Shape::Message(Kind::Node), true),
        f(18, "fdwoptions", Shape::Message(Kind::Node), true),
        f(19, "location", Shape::Number, false),
    ],
    &[
        f(1, "relation", Shape::Message(Kind::RangeVar), false),
        f(2, "options", Shape::Number, false),
        f(3, "relation_oid", Shape::Number, false),
    ],
    &[
        f(1, "name", Shape::Text, false),
        f(2, "expr", Shape::Message(Kind::Node), false),
        f(3, "indexcolname", Shape::Text, false),
        f(4, "collation", Shape::Message(Kind::Node), true),
        f(5, "opclass", Shape::Message(Kind::Node), true),
        f(6, "opclassopts", Shape::Message(Kind::Node), true),
        f(7, "ordering", Shape::Number, false),
        f(8, "nulls_ordering", Shape::Number, false),
    ],
    &[
        f(1, "defnamespace", Shape::Text, false),
        f(2, "defname", Shape::Text, false),
        f(3, "arg", Shape::Message(Kind::Node), false),
        f(4, "defaction", Shape::Number, false),
        f(5, "location", Shape::Number, false),
        f(6, "arg_location", Shape::Number, false),
    ],
    &[
        f(1, "locked_rels", Shape::Message(Kind::Node), true),
        f(2, "strength", Shape::Number, false),
        f(3, "wait_policy", Shape::Number, false),
    ],
    &[
        f(1, "xmloption", Shape::Number, false),
        f(2, "expr", Shape::Message(Kind::Node), false),
        f(3, "type_name", Shape::Message(Kind::TypeName), false),
        f(4, "indent", Shape::Number, false),
        f(5, "location", Shape::Number, false),
    ],
    &[
        f(1, "name", Shape::Text, false),
        f(2, "expr", Shape::Message(Kind::Node), false),
        f(3, "collation", Shape::Message(Kind::Node), true),
        f(4, "opclass", Shape::Message(Kind::Node), true),
        f(5, "location", Shape::Number, false),
    ],
    &[
        f(1, "strategy", Shape::Number, false),
        f(2, "part_params", Shape::Message(Kind::Node), true),
        f(3, "location", Shape::Number, false),
    ],
    &[
        f(1, "strategy", Shape::Text, false),
        f(2, "is_default", Shape::Number, false),
        f(3, "modulus", Shape::Number, false),
        f(4, "remainder", Shape::Number, false),
        f(5, "listdatums", Shape::Message(Kind::Node), true),
        f(6, "lowerdatums", Shape::Message(Kind::Node), true),
        f(7, "upperdatums", Shape::Message(Kind::Node), true),
        f(8, "location", Shape::Number, false),
    ],
    &[
        f(1, "kind", Shape::Number, false),
        f(2, "value", Shape::Message(Kind::Node), false),
        f(3, "location", Shape::Number, false),
    ],
    &[
        f(1, "name", Shape::Message(Kind::RangeVar), false),
        f(2, "bound", Shape::Message(Kind::PartitionBoundSpec), false),
        f(3, "concurrent", Shape::Number, false),
    ],
    &[
        f(1, "alias", Shape::Message(Kind::Alias), false),
        f(2, "eref", Shape::Message(Kind::Alias), false),
        f(3, "rtekind", Shape::Number, false),
        f(4, "relid", Shape::Number, false),
        f(5, "inh", Shape::Number, false),
        f(6, "relkind", Shape::Text, false),
        f(7, "rellockmode", Shape::Number, false),
        f(8, "perminfoindex", Shape::Number, false),
        f(9, "tablesample", Shape::Message(Kind::TableSampleClause), false),
        f(10, "subquery", Shape::Message(Kind::Query), false),
        f(11, "security_barrier", Shape::Number, false),
        f(12, "jointype", Shape::Number, false),
        f(13, "joinmergedcols", Shape::Number, false),
        f(14, "joinaliasvars", Shape::Message(Kind::Node), true),
        f(15, "joinleftcols", Shape::Message(Kind::Node), true),
        f(16, "joinrightcols", Shape::Message(Kind::Node), true),
        f(17, "join_using_alias", Shape::Message(Kind::Alias), false),
        f(18, "functions", Shape::Message(Kind::Node), true),
        f(19, "funcordinality", Shape::Number, false),
        f(20, "tablefunc", Shape::Message(Kind::TableFunc), false),
        f(21, "values_lists", Shape::Message(Kind::Node), true),
        f(22, "ctename", Shape::Text, false),
        f(23, "ctelevelsup", Shape::Number, false),
        f(24, "self_reference", Shape::Number, false),
        f(25, "coltypes", Shape::Message(Kind::Node), true),
        f(26, "coltypmods", Shape::Message(Kind::Node), true),
        f(27, "colcollations", Shape::Message(Kind::Node), true),
        f(28, "enrname", Shape::Text, false),
        f(29, "enrtuples", Shape::Double, false),
        f(30, "groupexprs", Shape::Message(Kind::Node), true),
        f(31, "lateral", Shape::Number, false),
        f(32, "in_from_cl", Shape::Number, false),
        f(33, "security_quals", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "relid", Shape::Number, false),
        f(2, "inh", Shape::Number, false),
        f(3, "required_perms", Shape::Number, false),
        f(4, "check_as_user", Shape::Number, false),
        f(5, "selected_cols", Shape::Number, true),
        f(6, "inserted_cols", Shape::Number, true),
        f(7, "updated_cols", Shape::Number, true),
    ],
    &[
        f(1, "funcexpr", Shape::Message(Kind::Node), false),
        f(2, "funccolcount", Shape::Number, false),
        f(3, "funccolnames", Shape::Message(Kind::Node), true),
        f(4, "funccoltypes", Shape::Message(Kind::Node), true),
        f(5, "funccoltypmods", Shape::Message(Kind::Node), true),
        f(6, "funccolcollations", Shape::Message(Kind::Node), true),
        f(7, "funcparams", Shape::Number, true),
    ],
    &[
        f(1, "tsmhandler", Shape::Number, false),
        f(2, "args", Shape::Message(Kind::Node), true),
        f(3, "repeatable", Shape::Message(Kind::Node), false),
    ],
    &[
        f(1, "kind", Shape::Number, false),
        f(2, "relname", Shape::Text, false),
        f(3, "polname", Shape::Text, false),
        f(4, "qual", Shape::Message(Kind::Node), false),
        f(5, "cascaded", Shape::Number, false),
    ],
    &[
        f(1, "tle_sort_group_ref", Shape::Number, false),
        f(2, "eqop", Shape::Number, false),
        f(3, "sortop", Shape::Number, false),
        f(4, "reverse_sort", Shape::Number, false),
        f(5, "nulls_first", Shape::Number, false),
        f(6, "hashable", Shape::Number, false),
    ],
    &[
        f(1, "kind", Shape::Number, false),
        f(2, "content", Shape::Message(Kind::Node), true),
        f(3, "location", Shape::Number, false),
    ],
    &[
        f(1, "name", Shape::Text, false),
        f(2, "refname", Shape::Text, false),
        f(3, "partition_clause", Shape::Message(Kind::Node), true),
        f(4, "order_clause", Shape::Message(Kind::Node), true),
        f(5, "frame_options", Shape::Number, false),
        f(6, "start_offset", Shape::Message(Kind::Node), false),
        f(7, "end_offset", Shape::Message(Kind::Node), false),
        f(8, "start_in_range_func", Shape::Number, false),
        f(9, "end_in_range_func", Shape::Number, false),
        f(10, "in_range_coll", Shape::Number, false),
        f(11, "in_range_asc", Shape::Number, false),
        f(12, "in_range_nulls_first", Shape::Number, false),
        f(13, "winref", Shape::Number, false),
        f(14, "copied_order", Shape::Number, false),
    ],
    &[
        f(1, "rti", Shape::Number, false),
        f(2, "strength", Shape::Number, false),
        f(3, "wait_policy", Shape::Number, false),
        f(4, "pushed_down", Shape::Number, false),
    ],
    &[
        f(1, "ctes", Shape::Message(Kind::Node), true),
        f(2, "recursive", Shape::Number, false),
        f(3, "location", Shape::Number, false),
    ],
    &[
        f(1, "index_elems", Shape::Message(Kind::Node), true),
        f(2, "where_clause", Shape::Message(Kind::Node), false),
        f(3, "conname", Shape::Text, false),
        f(4, "location", Shape::Number, false),
    ],
    &[
        f(1, "action", Shape::Number, false),
        f(2, "infer", Shape::Message(Kind::InferClause), false),
        f(3, "target_list", Shape::Message(Kind::Node), true),
        f(4, "where_clause", Shape::Message(Kind::Node), false),
        f(5, "location", Shape::Number, false),
    ],
    &[
        f(1, "search_col_list", Shape::Message(Kind::Node), true),
        f(2, "search_breadth_first", Shape::Number, false),
        f(3, "search_seq_column", Shape::Text, false),
        f(4, "location", Shape::Number, false),
    ],
    &[
        f(1, "cycle_col_list", Shape::Message(Kind::Node), true),
        f(2, "cycle_mark_column", Shape::Text, false),
        f(3, "cycle_mark_value", Shape::Message(Kind::Node), false),
        f(4, "cycle_mark_default", Shape::Message(Kind::Node), false),
        f(5, "cycle_path_column", Shape::Text, false),
        f(6, "location", Shape::Number, false),
        f(7, "cycle_mark_type", Shape::Number, false),
        f(8, "cycle_mark_typmod", Shape::Number, false),
        f(9, "cycle_mark_collation", Shape::Number, false),
        f(10, "cycle_mark_neop", Shape::Number, false),
    ],
    &[
        f(1, "ctename", Shape::Text, false),
        f(2, "aliascolnames", Shape::Message(Kind::Node), true),
        f(3, "ctematerialized", Shape::Number, false),
        f(4, "ctequery", Shape::Message(Kind::Node), false),
        f(5, "search_clause", Shape::Message(Kind::CTESearchClause), false),
        f(6, "cycle_clause", Shape::Message(Kind::CTECycleClause), false),
        f(7, "location", Shape::Number, false),
        f(8, "cterecursive", Shape::Number, false),
        f(9, "cterefcount", Shape::Number, false),
        f(10, "ctecolnames", Shape::Message(Kind::Node), true),
        f(11, "ctecoltypes", Shape::Message(Kind::Node), true),
        f(12, "ctecoltypmods", Shape::Message(Kind::Node), true),
        f(13, "ctecolcollations", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "match_kind", Shape::Number, false),
        f(2, "command_type", Shape::Number, false),
        f(3, "override", Shape::Number, false),
        f(4, "condition", Shape::Message(Kind::Node), false),
        f(5, "target_list", Shape::Message(Kind::Node), true),
        f(6, "values", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "option", Shape::Number, false),
        f(2, "value", Shape::Text, false),
        f(3, "location", Shape::Number, false),
    ],
    &[
        f(1, "options", Shape::Message(Kind::Node), true),
        f(2, "exprs", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "name", Shape::Text, false),
        f(2, "is_new", Shape::Number, false),
        f(3, "is_table", Shape::Number, false),
    ],
    &[
        f(1, "type_name", Shape::Message(Kind::TypeName), false),
        f(2, "returning", Shape::Message(Kind::JsonReturning), false),
    ],
    &[
        f(1, "val", Shape::Message(Kind::JsonValueExpr), false),
        f(2, "name", Shape::Text, false),
    ],
    &[
        f(1, "op", Shape::Number, false),
        f(2, "column_name", Shape::Text, false),
        f(3, "context_item", Shape::Message(Kind::JsonValueExpr), false),
        f(4, "pathspec", Shape::Message(Kind::Node), false),
        f(5, "passing", Shape::Message(Kind::Node), true),
        f(6, "output", Shape::Message(Kind::JsonOutput), false),
        f(7, "on_empty", Shape::Message(Kind::JsonBehavior), false),
        f(8, "on_error", Shape::Message(Kind::JsonBehavior), false),
        f(9, "wrapper", Shape::Number, false),
        f(10, "quotes", Shape::Number, false),
        f(11, "location", Shape::Number, false),
    ],
    &[
        f(1, "string", Shape::Message(Kind::Node), false),
        f(2, "name", Shape::Text, false),
        f(3, "name_location", Shape::Number, false),
        f(4, "location", Shape::Number, false),
    ],
    &[
        f(1, "context_item", Shape::Message(Kind::JsonValueExpr), false),
        f(2, "pathspec", Shape::Message(Kind::JsonTablePathSpec), false),
        f(3, "passing", Shape::Message(Kind::Node), true),
        f(4, "columns", Shape::Message(Kind::Node), true),
        f(5, "on_error", Shape::Message(Kind::JsonBehavior), false),
        f(6, "alias", Shape::Message(Kind::Alias), false),
        f(7, "lateral", Shape::Number, false),
        f(8, "location", Shape::Number, false),
    ],
    &[
        f(1, "coltype", Shape::Number, false),
        f(2, "name", Shape::Text, false),
        f(3, "type_name", Shape::Message(Kind::TypeName), false),
        f(4, "pathspec", Shape::Message(Kind::JsonTablePathSpec), false),
        f(5, "format", Shape::Message(Kind::JsonFormat), false),
        f(6, "wrapper", Shape::Number, false),
        f(7, "quotes", Shape::Number, false),
        f(8, "columns", Shape::Message(Kind::Node), true),
        f(9, "on_empty", Shape::Message(Kind::JsonBehavior), false),
        f(10, "on_error", Shape::Message(Kind::JsonBehavior), false),
        f(11, "location", Shape::Number, false),
    ],
    &[
        f(1, "key", Shape::Message(Kind::Node), false),
        f(2, "value", Shape::Message(Kind::JsonValueExpr), false),
    ],
    &[
        f(1, "expr", Shape::Message(Kind::JsonValueExpr), false),
        f(2, "output", Shape::Message(Kind::JsonOutput), false),
        f(3, "unique_keys", Shape::Number, false),
        f(4, "location", Shape::Number, false),
    ],
    &[
        f(1, "expr", Shape::Message(Kind::Node), false),
        f(2, "output", Shape::Message(Kind::JsonOutput), false),
        f(3, "location", Shape::Number, false),
    ],
    &[
        f(1, "expr", Shape::Message(Kind::JsonValueExpr), false),
        f(2, "output", Shape::Message(Kind::JsonOutput), false),
        f(3, "location", Shape::Number, false),
    ],
    &[
        f(1, "exprs", Shape::Message(Kind::Node), true),
        f(2, "output", Shape::Message(Kind::JsonOutput), false),
        f(3, "absent_on_null", Shape::Number, false),
        f(4, "unique", Shape::Number, false),
        f(5, "location", Shape::Number, false),
    ],
    &[
        f(1, "exprs", Shape::Message(Kind::Node), true),
        f(2, "output", Shape::Message(Kind::JsonOutput), false),
        f(3, "absent_on_null", Shape::Number, false),
        f(4, "location", Shape::Number, false),
    ],
    &[
        f(1, "query", Shape::Message(Kind::Node), false),
        f(2, "output", Shape::Message(Kind::JsonOutput), false),
        f(3, "format", Shape::Message(Kind::JsonFormat), false),
        f(4, "absent_on_null", Shape::Number, false),
        f(5, "location", Shape::Number, false),
    ],
    &[
        f(1, "output", Shape::Message(Kind::JsonOutput), false),
        f(2, "agg_filter", Shape::Message(Kind::Node), false),
        f(3, "agg_order", Shape::Message(Kind::Node), true),
        f(4, "over", Shape::Message(Kind::WindowDef), false),
        f(5, "location", Shape::Number, false),
    ],
    &[
        f(1, "constructor", Shape::Message(Kind::JsonAggConstructor), false),
        f(2, "arg", Shape::Message(Kind::JsonKeyValue), false),
        f(3, "absent_on_null", Shape::Number, false),
        f(4, "unique", Shape::Number, false),
    ],
    &[
        f(1, "constructor", Shape::Message(Kind::JsonAggConstructor), false),
        f(2, "arg", Shape::Message(Kind::JsonValueExpr), false),
        f(3, "absent_on_null", Shape::Number, false),
    ],
    &[
        f(1, "stmt", Shape::Message(Kind::Node), false),
        f(2, "stmt_location", Shape::Number, false),
        f(3, "stmt_len", Shape::Number, false),
    ],
    &[
        f(1, "relation", Shape::Message(Kind::RangeVar), false),
        f(2, "cols", Shape::Message(Kind::Node), true),
        f(3, "select_stmt", Shape::Message(Kind::Node), false),
        f(4, "on_conflict_clause", Shape::Message(Kind::OnConflictClause), false),
        f(5, "returning_clause", Shape::Message(Kind::ReturningClause), false),
        f(6, "with_clause", Shape::Message(Kind::WithClause), false),
        f(7, "override", Shape::Number, false),
    ],
    &[
        f(1, "relation", Shape::Message(Kind::RangeVar), false),
        f(2, "using_clause", Shape::Message(Kind::Node), true),
        f(3, "where_clause", Shape::Message(Kind::Node), false),
        f(4, "returning_clause", Shape::Message(Kind::ReturningClause), false),
        f(5, "with_clause", Shape::Message(Kind::WithClause), false),
    ],
    &[
        f(1, "relation", Shape::Message(Kind::RangeVar), false),
        f(2, "target_list", Shape::Message(Kind::Node), true),
        f(3, "where_clause", Shape::Message(Kind::Node), false),
        f(4, "from_clause", Shape::Message(Kind::Node), true),
        f(5, "returning_clause", Shape::Message(Kind::ReturningClause), false),
        f(6, "with_clause", Shape::Message(Kind::WithClause), false),
    ],
    &[
        f(1, "relation", Shape::Message(Kind::RangeVar), false),
        f(2, "source_relation", Shape::Message(Kind::Node), false),
        f(3, "join_condition", Shape::Message(Kind::Node), false),
        f(4, "merge_when_clauses", Shape::Message(Kind::Node), true),
        f(5, "returning_clause", Shape::Message(Kind::ReturningClause), false),
        f(6, "with_clause", Shape::Message(Kind::WithClause), false),
    ],
    &[
        f(1, "distinct_clause", Shape::Message(Kind::Node), true),
        f(2, "into_clause", Shape::Message(Kind::IntoClause), false),
        f(3, "target_list", Shape::Message(Kind::Node), true),
        f(4, "from_clause", Shape::Message(Kind::Node), true),
        f(5, "where_clause", Shape::Message(Kind::Node), false),
        f(6, "group_clause", Shape::Message(Kind::Node), true),
        f(7, "group_distinct", Shape::Number, false),
        f(8, "having_clause", Shape::Message(Kind::Node), false),
        f(9, "window_clause", Shape::Message(Kind::Node), true),
        f(10, "values_lists", Shape::Message(Kind::Node), true),
        f(11, "sort_clause", Shape::Message(Kind::Node), true),
        f(12, "limit_offset", Shape::Message(Kind::Node), false),
        f(13, "limit_count", Shape::Message(Kind::Node), false),
        f(14, "limit_option", Shape::Number, false),
        f(15, "locking_clause", Shape::Message(Kind::Node), true),
        f(16, "with_clause", Shape::Message(Kind::WithClause), false),
        f(17, "op", Shape::Number, false),
        f(18, "all", Shape::Number, false),
        f(19, "larg", Shape::Message(Kind::SelectStmt), false),
        f(20, "rarg", Shape::Message(Kind::SelectStmt), false),
    ],
    &[
        f(1, "op", Shape::Number, false),
        f(2, "all", Shape::Number, false),
        f(3, "larg", Shape::Message(Kind::Node), false),
        f(4, "rarg", Shape::Message(Kind::Node), false),
        f(5, "col_types", Shape::Message(Kind::Node), true),
        f(6, "col_typmods", Shape::Message(Kind::Node), true),
        f(7, "col_collations", Shape::Message(Kind::Node), true),
        f(8, "group_clauses", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "returnval", Shape::Message(Kind::Node), false),
    ],
    &[
        f(1, "name", Shape::Text, false),
        f(2, "indirection", Shape::Message(Kind::Node), true),
        f(3, "nnames", Shape::Number, false),
        f(4, "val", Shape::Message(Kind::SelectStmt), false),
        f(5, "location", Shape::Number, false),
    ],
    &[
        f(1, "schemaname", Shape::Text, false),
        f(2, "authrole", Shape::Message(Kind::RoleSpec), false),
        f(3, "schema_elts", Shape::Message(Kind::Node), true),
        f(4, "if_not_exists", Shape::Number, false),
    ],
    &[
        f(1, "relation", Shape::Message(Kind::RangeVar), false),
        f(2, "cmds", Shape::Message(Kind::Node), true),
        f(3, "objtype", Shape::Number, false),
        f(4, "missing_ok", Shape::Number, false),
    ],
    &[
        f(1, "subtype", Shape::Number, false),
        f(2, "name", Shape::Text, false),
        f(3, "num", Shape::Number, false),
        f(4, "newowner", Shape::Message(Kind::RoleSpec), false),
        f(5, "def", Shape::Message(Kind::Node), false),
        f(6, "behavior", Shape::Number, false),
        f(7, "missing_ok", Shape::Number, false),
        f(8, "recurse", Shape::Number, false),
    ],
    &[
        f(1, "conname", Shape::Text, false),
        f(2, "alter_enforceability", Shape::Number, false),
        f(3, "is_enforced", Shape::Number, false),
        f(4, "alter_deferrability", Shape::Number, false),
        f(5, "deferrable", Shape::Number, false),
        f(6, "initdeferred", Shape::Number, false),
        f(7, "alter_inheritability", Shape::Number, false),
        f(8, "noinherit", Shape::Number, false),
    ],
    &[
        f(1, "identity_type", Shape::Text, false),
        f(2, "name", Shape::Text, false),
    ],
    &[
        f(1, "collname", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "subtype", Shape::Text, false),
        f(2, "type_name", Shape::Message(Kind::Node), true),
        f(3, "name", Shape::Text, false),
        f(4, "def", Shape::Message(Kind::Node), false),
        f(5, "behavior", Shape::Number, false),
        f(6, "missing_ok", Shape::Number, false),
    ],
    &[
        f(1, "is_grant", Shape::Number, false),
        f(2, "targtype", Shape::Number, false),
        f(3, "objtype", Shape::Number, false),
        f(4, "objects", Shape::Message(Kind::Node), true),
        f(5, "privileges", Shape::Message(Kind::Node), true),
        f(6, "grantees", Shape::Message(Kind::Node), true),
        f(7, "grant_option", Shape::Number, false),
        f(8, "grantor", Shape::Message(Kind::RoleSpec), false),
        f(9, "behavior", Shape::Number, false),
    ],
    &[
        f(1, "objname", Shape::Message(Kind::Node), true),
        f(2, "objargs", Shape::Message(Kind::Node), true),
        f(3, "objfuncargs", Shape::Message(Kind::Node), true),
        f(4, "args_unspecified", Shape::Number, false),
    ],
    &[
        f(1, "priv_name", Shape::Text, false),
        f(2, "cols", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "granted_roles", Shape::Message(Kind::Node), true),
        f(2, "grantee_roles", Shape::Message(Kind::Node), true),
        f(3, "is_grant", Shape::Number, false),
        f(4, "opt", Shape::Message(Kind::Node), true),
        f(5, "grantor", Shape::Message(Kind::RoleSpec), false),
        f(6, "behavior", Shape::Number, false),
    ],
    &[
        f(1, "options", Shape::Message(Kind::Node), true),
        f(2, "action", Shape::Message(Kind::GrantStmt), false),
    ],
    &[
        f(1, "relation", Shape::Message(Kind::RangeVar), false),
        f(2, "query", Shape::Message(Kind::Node), false),
        f(3, "attlist", Shape::Message(Kind::Node), true),
        f(4, "is_from", Shape::Number, false),
        f(5, "is_program", Shape::Number, false),
        f(6, "filename", Shape::Text, false),
        f(7, "options", Shape::Message(Kind::Node), true),
        f(8, "where_clause", Shape::Message(Kind::Node), false),
    ],
    &[
        f(1, "kind", Shape::Number, false),
        f(2, "name", Shape::Text, false),
        f(3, "args", Shape::Message(Kind::Node), true),
        f(4, "jumble_args", Shape::Number, false),
        f(5, "is_local", Shape::Number, false),
        f(6, "location", Shape::Number, false),
    ],
    &[
        f(1, "name", Shape::Text, false),
    ],
    &[
        f(1, "relation", Shape::Message(Kind::RangeVar), false),
        f(2, "table_elts", Shape::Message(Kind::Node), true),
        f(3, "inh_relations", Shape::Message(Kind::Node), true),
        f(4, "partbound", Shape::Message(Kind::PartitionBoundSpec), false),
        f(5, "partspec", Shape::Message(Kind::PartitionSpec), false),
        f(6, "of_typename", Shape::Message(Kind::TypeName), false),
        f(7, "constraints", Shape::Message(Kind::Node), true),
        f(8, "nnconstraints", Shape::Message(Kind::Node), true),
        f(9, "options", Shape::Message(Kind::Node), true),
        f(10, "oncommit", Shape::Number, false),
        f(11, "tablespacename", Shape::Text, false),
        f(12, "access_method", Shape::Text, false),
        f(13, "if_not_exists", Shape::Number, false),
    ],
    &[
        f(1, "contype", Shape::Number, false),
        f(2, "conname", Shape::Text, false),
        f(3, "deferrable", Shape::Number, false),
        f(4, "initdeferred", Shape::Number, false),
        f(5, "is_enforced", Shape::Number, false),
        f(6, "skip_validation", Shape::Number, false),
        f(7, "initially_valid", Shape::Number, false),
        f(8, "is_no_inherit", Shape::Number, false),
        f(9, "raw_expr", Shape::Message(Kind::Node), false),
        f(10, "cooked_expr", Shape::Text, false),
        f(11, "generated_when", Shape::Text, false),
        f(12, "generated_kind", Shape::Text, false),
        f(13, "nulls_not_distinct", Shape::Number, false),
        f(14, "keys", Shape::Message(Kind::Node), true),
        f(15, "without_overlaps", Shape::Number, false),
        f(16, "including", Shape::Message(Kind::Node), true),
        f(17, "exclusions", Shape::Message(Kind::Node), true),
        f(18, "options", Shape::Message(Kind::Node), true),
        f(19, "indexname", Shape::Text, false),
        f(20, "indexspace", Shape::Text, false),
        f(21, "reset_default_tblspc", Shape::Number, false),
        f(22, "access_method", Shape::Text, false),
        f(23, "where_clause", Shape::Message(Kind::Node), false),
        f(24, "pktable", Shape::Message(Kind::RangeVar), false),
        f(25, "fk_attrs", Shape::Message(Kind::Node), true),
        f(26, "pk_attrs", Shape::Message(Kind::Node), true),
        f(27, "fk_with_period", Shape::Number, false),
        f(28, "pk_with_period", Shape::Number, false),
        f(29, "fk_matchtype", Shape::Text, false),
        f(30, "fk_upd_action", Shape::Text, false),
        f(31, "fk_del_action", Shape::Text, false),
        f(32, "fk_del_set_cols", Shape::Message(Kind::Node), true),
        f(33, "old_conpfeqop", Shape::Message(Kind::Node), true),
        f(34, "old_pktable_oid", Shape::Number, false),
        f(35, "location", Shape::Number, false),
    ],
    &[
        f(1, "tablespacename", Shape::Text, false),
        f(2, "owner", Shape::Message(Kind::RoleSpec), false),
        f(3, "location", Shape::Text, false),
        f(4, "options", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "tablespacename", Shape::Text, false),
        f(2, "missing_ok", Shape::Number, false),
    ],
    &[
        f(1, "tablespacename", Shape::Text, false),
        f(2, "options", Shape::Message(Kind::Node), true),
        f(3, "is_reset", Shape::Number, false),
    ],
    &[
        f(1, "orig_tablespacename", Shape::Text, false),
        f(2, "objtype", Shape::Number, false),
        f(3, "roles", Shape::Message(Kind::Node), true),
        f(4, "new_tablespacename", Shape::Text, false),
        f(5, "nowait", Shape::Number, false),
    ],
    &[
        f(1, "extname", Shape::Text, false),
        f(2, "if_not_exists", Shape::Number, false),
        f(3, "options", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "extname", Shape::Text, false),
        f(2, "options", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "extname", Shape::Text, false),
        f(2, "action", Shape::Number, false),
        f(3, "objtype", Shape::Number, false),
        f(4, "object", Shape::Message(Kind::Node), false),
    ],
    &[
        f(1, "fdwname", Shape::Text, false),
        f(2, "func_options", Shape::Message(Kind::Node), true),
        f(3, "options", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "fdwname", Shape::Text, false),
        f(2, "func_options", Shape::Message(Kind::Node), true),
        f(3, "options", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "servername", Shape::Text, false),
        f(2, "servertype", Shape::Text, false),
        f(3, "version", Shape::Text, false),
        f(4, "fdwname", Shape::Text, false),
        f(5, "if_not_exists", Shape::Number, false),
        f(6, "options", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "servername", Shape::Text, false),
        f(2, "version", Shape::Text, false),
        f(3, "options", Shape::Message(Kind::Node), true),
        f(4, "has_version", Shape::Number, false),
    ],
    &[
        f(1, "base_stmt", Shape::Message(Kind::CreateStmt), false),
        f(2, "servername", Shape::Text, false),
        f(3, "options", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "user", Shape::Message(Kind::RoleSpec), false),
        f(2, "servername", Shape::Text, false),
        f(3, "if_not_exists", Shape::Number, false),
        f(4, "options", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "user", Shape::Message(Kind::RoleSpec), false),
        f(2, "servername", Shape::Text, false),
        f(3, "options", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "user", Shape::Message(Kind::RoleSpec), false),
        f(2, "servername", Shape::Text, false),
        f(3, "missing_ok", Shape::Number, false),
    ],
    &[
        f(1, "server_name", Shape::Text, false),
        f(2, "remote_schema", Shape::Text, false),
        f(3, "local_schema", Shape::Text, false),
        f(4, "list_type", Shape::Number, false),
        f(5, "table_list", Shape::Message(Kind::Node), true),
        f(6, "options", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "policy_name", Shape::Text, false),
        f(2, "table", Shape::Message(Kind::RangeVar), false),
        f(3, "cmd_name", Shape::Text, false),
        f(4, "permissive", Shape::Number, false),
        f(5, "roles", Shape::Message(Kind::Node), true),
        f(6, "qual", Shape::Message(Kind::Node), false),
        f(7, "with_check", Shape::Message(Kind::Node), false),
    ],
    &[
        f(1, "policy_name", Shape::Text, false),
        f(2, "table", Shape::Message(Kind::RangeVar), false),
        f(3, "roles", Shape::Message(Kind::Node), true),
        f(4, "qual", Shape::Message(Kind::Node), false),
        f(5, "with_check", Shape::Message(Kind::Node), false),
    ],
    &[
        f(1, "amname", Shape::Text, false),
        f(2, "handler_name", Shape::Message(Kind::Node), true),
        f(3, "amtype", Shape::Text, false),
    ],
    &[
        f(1, "replace", Shape::Number, false),
        f(2, "isconstraint", Shape::Number, false),
        f(3, "trigname", Shape::Text, false),
        f(4, "relation", Shape::Message(Kind::RangeVar), false),
        f(5, "funcname", Shape::Message(Kind::Node), true),
        f(6, "args", Shape::Message(Kind::Node), true),
        f(7, "row", Shape::Number, false),
        f(8, "timing", Shape::Number, false),
        f(9, "events", Shape::Number, false),
        f(10, "columns", Shape::Message(Kind::Node), true),
        f(11, "when_clause", Shape::Message(Kind::Node), false),
        f(12, "transition_rels", Shape::Message(Kind::Node), true),
        f(13, "deferrable", Shape::Number, false),
        f(14, "initdeferred", Shape::Number, false),
        f(15, "constrrel", Shape::Message(Kind::RangeVar), false),
    ],
    &[
        f(1, "trigname", Shape::Text, false),
        f(2, "eventname", Shape::Text, false),
        f(3, "whenclause", Shape::Message(Kind::Node), true),
        f(4, "funcname", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "trigname", Shape::Text, false),
        f(2, "tgenabled", Shape::Text, false),
    ],
    &[
        f(1, "replace", Shape::Number, false),
        f(2, "plname", Shape::Text, false),
        f(3, "plhandler", Shape::Message(Kind::Node), true),
        f(4, "plinline", Shape::Message(Kind::Node), true),
        f(5, "plvalidator", Shape::Message(Kind::Node), true),
        f(6, "pltrusted", Shape::Number, false),
    ],
    &[
        f(1, "stmt_type", Shape::Number, false),
        f(2, "role", Shape::Text, false),
        f(3, "options", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "role", Shape::Message(Kind::RoleSpec), false),
        f(2, "options", Shape::Message(Kind::Node), true),
        f(3, "action", Shape::Number, false),
    ],
    &[
        f(1, "role", Shape::Message(Kind::RoleSpec), false),
        f(2, "database", Shape::Text, false),
        f(3, "setstmt", Shape::Message(Kind::VariableSetStmt), false),
    ],
    &[
        f(1, "roles", Shape::Message(Kind::Node), true),
        f(2, "missing_ok", Shape::Number, false),
    ],
    &[
        f(1, "sequence", Shape::Message(Kind::RangeVar), false),
        f(2, "options", Shape::Message(Kind::Node), true),
        f(3, "owner_id", Shape::Number, false),
        f(4, "for_identity", Shape::Number, false),
        f(5, "if_not_exists", Shape::Number, false),
    ],
    &[
        f(1, "sequence", Shape::Message(Kind::RangeVar), false),
        f(2, "options", Shape::Message(Kind::Node), true),
        f(3, "for_identity", Shape::Number, false),
        f(4, "missing_ok", Shape::Number, false),
    ],
    &[
        f(1, "kind", Shape::Number, false),
        f(2, "oldstyle", Shape::Number, false),
        f(3, "defnames", Shape::Message(Kind::Node), true),
        f(4, "args", Shape::Message(Kind::Node), true),
        f(5, "definition", Shape::Message(Kind::Node), true),
        f(6, "if_not_exists", Shape::Number, false),
        f(7, "replace", Shape::Number, false),
    ],
    &[
        f(1, "domainname", Shape::Message(Kind::Node), true),
        f(2, "type_name", Shape::Message(Kind::TypeName), false),
        f(3, "coll_clause", Shape::Message(Kind::CollateClause), false),
        f(4, "constraints", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "opclassname", Shape::Message(Kind::Node), true),
        f(2, "opfamilyname", Shape::Message(Kind::Node), true),
        f(3, "amname", Shape::Text, false),
        f(4, "datatype", Shape::Message(Kind::TypeName), false),
        f(5, "items", Shape::Message(Kind::Node), true),
        f(6, "is_default", Shape::Number, false),
    ],
    &[
        f(1, "itemtype", Shape::Number, false),
        f(2, "name", Shape::Message(Kind::ObjectWithArgs), false),
        f(3, "number", Shape::Number, false),
        f(4, "order_family", Shape::Message(Kind::Node), true),
        f(5, "class_args", Shape::Message(Kind::Node), true),
        f(6, "storedtype", Shape::Message(Kind::TypeName), false),
    ],
    &[
        f(1, "opfamilyname", Shape::Message(Kind::Node), true),
        f(2, "amname", Shape::Text, false),
    ],
    &[
        f(1, "opfamilyname", Shape::Message(Kind::Node), true),
        f(2, "amname", Shape::Text, false),
        f(3, "is_drop", Shape::Number, false),
        f(4, "items", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "objects", Shape::Message(Kind::Node), true),
        f(2, "remove_type", Shape::Number, false),
        f(3, "behavior", Shape::Number, false),
        f(4, "missing_ok", Shape::Number, false),
        f(5, "concurrent", Shape::Number, false),
    ],
    &[
        f(1, "relations", Shape::Message(Kind::Node), true),
        f(2, "restart_seqs", Shape::Number, false),
        f(3, "behavior", Shape::Number, false),
    ],
    &[
        f(1, "objtype", Shape::Number, false),
        f(2, "object", Shape::Message(Kind::Node), false),
        f(3, "comment", Shape::Text, false),
    ],
    &[
        f(1, "objtype", Shape::Number, false),
        f(2, "object", Shape::Message(Kind::Node), false),
        f(3, "provider", Shape::Text, false),
        f(4, "label", Shape::Text, false),
    ],
    &[
        f(1, "portalname", Shape::Text, false),
        f(2, "options", Shape::Number, false),
        f(3, "query", Shape::Message(Kind::Node), false),
    ],
    &[
        f(1, "portalname", Shape::Text, false),
    ],
    &[
        f(1, "direction", Shape::Number, false),
        f(2, "how_many", Shape::Number, false),
        f(3, "portalname", Shape::Text, false),
        f(4, "ismove", Shape::Number, false),
    ],
    &[
        f(1, "idxname", Shape::Text, false),
        f(2, "relation", Shape::Message(Kind::RangeVar), false),
        f(3, "access_method", Shape::Text, false),
        f(4, "table_space", Shape::Text, false),
        f(5, "index_params", Shape::Message(Kind::Node), true),
        f(6, "index_including_params", Shape::Message(Kind::Node), true),
        f(7, "options", Shape::Message(Kind::Node), true),
        f(8, "where_clause", Shape::Message(Kind::Node), false),
        f(9, "exclude_op_names", Shape::Message(Kind::Node), true),
        f(10, "idxcomment", Shape::Text, false),
        f(11, "index_oid", Shape::Number, false),
        f(12, "old_number", Shape::Number, false),
        f(13, "old_create_subid", Shape::Number, false),
        f(14, "old_first_relfilelocator_subid", Shape::Number, false),
        f(15, "unique", Shape::Number, false),
        f(16, "nulls_not_distinct", Shape::Number, false),
        f(17, "primary", Shape::Number, false),
        f(18, "isconstraint", Shape::Number, false),
        f(19, "iswithoutoverlaps", Shape::Number, false),
        f(20, "deferrable", Shape::Number, false),
        f(21, "initdeferred", Shape::Number, false),
        f(22, "transformed", Shape::Number, false),
        f(23, "concurrent", Shape::Number, false),
        f(24, "if_not_exists", Shape::Number, false),
        f(25, "reset_default_tblspc", Shape::Number, false),
    ],
    &[
        f(1, "defnames", Shape::Message(Kind::Node), true),
        f(2, "stat_types", Shape::Message(Kind::Node), true),
        f(3, "exprs", Shape::Message(Kind::Node), true),
        f(4, "relations", Shape::Message(Kind::Node), true),
        f(5, "stxcomment", Shape::Text, false),
        f(6, "transformed", Shape::Number, false),
        f(7, "if_not_exists", Shape::Number, false),
    ],
    &[
        f(1, "name", Shape::Text, false),
        f(2, "expr", Shape::Message(Kind::Node), false),
    ],
    &[
        f(1, "defnames", Shape::Message(Kind::Node), true),
        f(2, "stxstattarget", Shape::Message(Kind::Node), false),
        f(3, "missing_ok", Shape::Number, false),
    ],
    &[
        f(1, "is_procedure", Shape::Number, false),
        f(2, "replace", Shape::Number, false),
        f(3, "funcname", Shape::Message(Kind::Node), true),
        f(4, "parameters", Shape::Message(Kind::Node), true),
        f(5, "return_type", Shape::Message(Kind::TypeName), false),
        f(6, "options", Shape::Message(Kind::Node), true),
        f(7, "sql_body", Shape::Message(Kind::Node), false),
    ],
    &[
        f(1, "name", Shape::Text, false),
        f(2, "arg_type", Shape::Message(Kind::TypeName), false),
        f(3, "mode", Shape::Number, false),
        f(4, "defexpr", Shape::Message(Kind::Node), false),
        f(5, "location", Shape::Number, false),
    ],
    &[
        f(1, "objtype", Shape::Number, false),
        f(2, "func", Shape::Message(Kind::ObjectWithArgs), false),
        f(3, "actions", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "args", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "source_text", Shape::Text, false),
        f(2, "lang_oid", Shape::Number, false),
        f(3, "lang_is_trusted", Shape::Number, false),
        f(4, "atomic", Shape::Number, false),
    ],
    &[
        f(1, "funccall", Shape::Message(Kind::FuncCall), false),
        f(2, "funcexpr", Shape::Message(Kind::FuncExpr), false),
        f(3, "outargs", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "atomic", Shape::Number, false),
    ],
    &[
        f(1, "rename_type", Shape::Number, false),
        f(2, "relation_type", Shape::Number, false),
        f(3, "relation", Shape::Message(Kind::RangeVar), false),
        f(4, "object", Shape::Message(Kind::Node), false),
        f(5, "subname", Shape::Text, false),
        f(6, "newname", Shape::Text, false),
        f(7, "behavior", Shape::Number, false),
        f(8, "missing_ok", Shape::Number, false),
    ],
    &[
        f(1, "object_type", Shape::Number, false),
        f(2, "relation", Shape::Message(Kind::RangeVar), false),
        f(3, "object", Shape::Message(Kind::Node), false),
        f(4, "extname", Shape::Message(Kind::String), false),
        f(5, "remove", Shape::Number, false),
    ],
    &[
        f(1, "object_type", Shape::Number, false),
        f(2, "relation", Shape::Message(Kind::RangeVar), false),
        f(3, "object", Shape::Message(Kind::Node), false),
        f(4, "newschema", Shape::Text, false),
        f(5, "missing_ok", Shape::Number, false),
    ],
    &[
        f(1, "object_type", Shape::Number, false),
        f(2, "relation", Shape::Message(Kind::RangeVar), false),
        f(3, "object", Shape::Message(Kind::Node), false),
        f(4, "newowner", Shape::Message(Kind::RoleSpec), false),
    ],
    &[
        f(1, "opername", Shape::Message(Kind::ObjectWithArgs), false),
        f(2, "options", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "type_name", Shape::Message(Kind::Node), true),
        f(2, "options", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "relation", Shape::Message(Kind::RangeVar), false),
        f(2, "rulename", Shape::Text, false),
        f(3, "where_clause", Shape::Message(Kind::Node), false),
        f(4, "event", Shape::Number, false),
        f(5, "instead", Shape::Number, false),
        f(6, "actions", Shape::Message(Kind::Node), true),
        f(7, "replace", Shape::Number, false),
    ],
    &[
        f(1, "conditionname", Shape::Text, false),
        f(2, "payload", Shape::Text, false),
        f(3, "payload_location", Shape::Number, false),
    ],
    &[
        f(1, "conditionname", Shape::Text, false),
    ],
    &[
        f(1, "conditionname", Shape::Text, false),
    ],
    &[
        f(1, "kind", Shape::Number, false),
        f(2, "options", Shape::Message(Kind::Node), true),
        f(3, "savepoint_name", Shape::Text, false),
        f(4, "gid", Shape::Text, false),
        f(5, "chain", Shape::Number, false),
        f(6, "location", Shape::Number, false),
    ],
    &[
        f(1, "typevar", Shape::Message(Kind::RangeVar), false),
        f(2, "coldeflist", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "type_name", Shape::Message(Kind::Node), true),
        f(2, "vals", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "type_name", Shape::Message(Kind::Node), true),
        f(2, "params", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "type_name", Shape::Message(Kind::Node), true),
        f(2, "old_val", Shape::Text, false),
        f(3, "new_val", Shape::Text, false),
        f(4, "new_val_neighbor", Shape::Text, false),
        f(5, "new_val_is_after", Shape::Number, false),
        f(6, "skip_if_new_val_exists", Shape::Number, false),
    ],
    &[
        f(1, "view", Shape::Message(Kind::RangeVar), false),
        f(2, "aliases", Shape::Message(Kind::Node), true),
        f(3, "query", Shape::Message(Kind::Node), false),
        f(4, "replace", Shape::Number, false),
        f(5, "options", Shape::Message(Kind::Node), true),
        f(6, "with_check_option", Shape::Number, false),
    ],
    &[
        f(1, "filename", Shape::Text, false),
    ],
    &[
        f(1, "dbname", Shape::Text, false),
        f(2, "options", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "dbname", Shape::Text, false),
        f(2, "options", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "dbname", Shape::Text, false),
    ],
    &[
        f(1, "dbname", Shape::Text, false),
        f(2, "setstmt", Shape::Message(Kind::VariableSetStmt), false),
    ],
    &[
        f(1, "dbname", Shape::Text, false),
        f(2, "missing_ok", Shape::Number, false),
        f(3, "options", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "setstmt", Shape::Message(Kind::VariableSetStmt), false),
    ],
    &[
        f(1, "relation", Shape::Message(Kind::RangeVar), false),
        f(2, "indexname", Shape::Text, false),
        f(3, "params", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "options", Shape::Message(Kind::Node), true),
        f(2, "rels", Shape::Message(Kind::Node), true),
        f(3, "is_vacuumcmd", Shape::Number, false),
    ],
    &[
        f(1, "relation", Shape::Message(Kind::RangeVar), false),
        f(2, "oid", Shape::Number, false),
        f(3, "va_cols", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "query", Shape::Message(Kind::Node), false),
        f(2, "options", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "query", Shape::Message(Kind::Node), false),
        f(2, "into", Shape::Message(Kind::IntoClause), false),
        f(3, "objtype", Shape::Number, false),
        f(4, "is_select_into", Shape::Number, false),
        f(5, "if_not_exists", Shape::Number, false),
    ],
    &[
        f(1, "concurrent", Shape::Number, false),
        f(2, "skip_data", Shape::Number, false),
        f(3, "relation", Shape::Message(Kind::RangeVar), false),
    ],
    &[
    ],
    &[
        f(1, "target", Shape::Number, false),
    ],
    &[
        f(1, "relations", Shape::Message(Kind::Node), true),
        f(2, "mode", Shape::Number, false),
        f(3, "nowait", Shape::Number, false),
    ],
    &[
        f(1, "constraints", Shape::Message(Kind::Node), true),
        f(2, "deferred", Shape::Number, false),
    ],
    &[
        f(1, "kind", Shape::Number, false),
        f(2, "relation", Shape::Message(Kind::RangeVar), false),
        f(3, "name", Shape::Text, false),
        f(4, "params", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "conversion_name", Shape::Message(Kind::Node), true),
        f(2, "for_encoding_name", Shape::Text, false),
        f(3, "to_encoding_name", Shape::Text, false),
        f(4, "func_name", Shape::Message(Kind::Node), true),
        f(5, "def", Shape::Number, false),
    ],
    &[
        f(1, "sourcetype", Shape::Message(Kind::TypeName), false),
        f(2, "targettype", Shape::Message(Kind::TypeName), false),
        f(3, "func", Shape::Message(Kind::ObjectWithArgs), false),
        f(4, "context", Shape::Number, false),
        f(5, "inout", Shape::Number, false),
    ],
    &[
        f(1, "replace", Shape::Number, false),
        f(2, "type_name", Shape::Message(Kind::TypeName), false),
        f(3, "lang", Shape::Text, false),
        f(4, "fromsql", Shape::Message(Kind::ObjectWithArgs), false),
        f(5, "tosql", Shape::Message(Kind::ObjectWithArgs), false),
    ],
    &[
        f(1, "name", Shape::Text, false),
        f(2, "argtypes", Shape::Message(Kind::Node), true),
        f(3, "query", Shape::Message(Kind::Node), false),
    ],
    &[
        f(1, "name", Shape::Text, false),
        f(2, "params", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "name", Shape::Text, false),
        f(2, "isall", Shape::Number, false),
        f(3, "location", Shape::Number, false),
    ],
    &[
        f(1, "roles", Shape::Message(Kind::Node), true),
        f(2, "behavior", Shape::Number, false),
    ],
    &[
        f(1, "roles", Shape::Message(Kind::Node), true),
        f(2, "newrole", Shape::Message(Kind::RoleSpec), false),
    ],
    &[
        f(1, "dictname", Shape::Message(Kind::Node), true),
        f(2, "options", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "kind", Shape::Number, false),
        f(2, "cfgname", Shape::Message(Kind::Node), true),
        f(3, "tokentype", Shape::Message(Kind::Node), true),
        f(4, "dicts", Shape::Message(Kind::Node), true),
        f(5, "override", Shape::Number, false),
        f(6, "replace", Shape::Number, false),
        f(7, "missing_ok", Shape::Number, false),
    ],
    &[
        f(1, "relation", Shape::Message(Kind::RangeVar), false),
        f(2, "where_clause", Shape::Message(Kind::Node), false),
        f(3, "columns", Shape::Message(Kind::Node), true),
    ],
    &[
        f(1, "pubobjtype", Shape::Number, false),
        f(2, "name", Shape::Text, false),
        f(3, "pubtable", Shape::Message(Kind::PublicationTable), false),
        f(4, "location", Shape::Number, false),
    ],
    &[
        f(1, "pubname", Shape::Text, false),
        f(2, "options", Shape::Message(Kind::Node), true),
        f(3, "pubobjects", Shape::Message(Kind::Node), true),
        f(4, "for_all_tables", Shape::Number, false),
    ],
    &[
        f(1, "pubname", Shape::Text, false),
        f(2, "options", Shape::Message(Kind::Node), true),
        f(3, "pubobjects", Shape::Message(Kind::Node), true),
        f(4, "for_all_tables", Shape::Number, false),
        f(5, "action", Shape::Number, false),
    ],
    &[
        f(1, "subname", Shape::Text, false),
        f(2, "conninfo", Shape::Text, false),
        f(3, "publication", Shape::Message(Kind::Node), true),
        f(4, "options", Shape::Message(Kind::Node), true),
        f(5, "conninfo_location", Shape::Number, false),
    ],
    &[
        f(1, "kind", Shape::Number, false),
        f(2, "subname", Shape::Text, false),
        f(3, "conninfo", Shape::Text, false),
        f(4, "publication", Shape::Message(Kind::Node), true),
        f(5, "options", Shape::Message(Kind::Node), true),
        f(6, "conninfo_location", Shape::Number, false),
    ],
    &[
        f(1, "subname", Shape::Text, false),
        f(2, "missing_ok", Shape::Number, false),
        f(3, "behavior", Shape::Number, false),
    ],
    &[
        f(1, "start", Shape::Number, false),
        f(2, "end", Shape::Number, false),
        f(4, "token", Shape::Number, false),
        f(5, "keyword_kind", Shape::Number, false),
    ],
    &[
    ],
    &[
        f(1, "name", Shape::Text, false),
        f(2, "schema_name", Shape::Text, false),
        f(3, "table_name", Shape::Text, false),
        f(4, "context", Shape::Number, false),
        f(1, "tables", Shape::Message(Kind::Table), true),
        f(3, "cte_names", Shape::Text, true),
    ],
    &[
        f(1, "name", Shape::Text, false),
        f(2, "function_name", Shape::Text, false),
        f(3, "schema_name", Shape::Text, false),
        f(4, "context", Shape::Number, false),
        f(4, "functions", Shape::Message(Kind::Function), true),
    ],
    &[
        f(1, "schema_name", Shape::Text, false),
        f(2, "table_name", Shape::Text, false),
        f(3, "column", Shape::Text, false),
        f(5, "filter_columns", Shape::Message(Kind::FilterColumn), true),
        f(6, "statement_types", Shape::Text, true),
        f(7, "truncated_query", Shape::Text, false),
    ],
];

/// Field numbers, by message.
pub mod field {
    pub mod parse_result {
        pub const VERSION: u32 = 1;
        pub const STMTS: u32 = 2;
    }
    pub mod scan_result {
        pub const VERSION: u32 = 1;
        pub const TOKENS: u32 = 2;
    }
    pub mod integer {
        pub const IVAL: u32 = 1;
    }
    pub mod float {
        pub const FVAL: u32 = 1;
    }
    pub mod boolean {
        pub const BOOLVAL: u32 = 1;
    }
    pub mod string {
        pub const SVAL: u32 = 1;
    }
    pub mod bit_string {
        pub const BSVAL: u32 = 1;
    }
    pub mod list {
        pub const ITEMS: u32 = 1;
    }
    pub mod oid_list {
        pub const ITEMS: u32 = 1;
    }
    pub mod int_list {
        pub const ITEMS: u32 = 1;
    }
    pub mod a_const {
        pub const IVAL: u32 = 1;
        pub const FVAL: u32 = 2;
        pub const BOOLVAL: u32 = 3;
        pub const SVAL: u32 = 4;
        pub const BSVAL: u32 = 5;
        pub const ISNULL: u32 = 10;
        pub const LOCATION: u32 = 11;
    }
    pub mod alias {
        pub const ALIASNAME: u32 = 1;
        pub const COLNAMES: u32 = 2;
    }
    pub mod range_var {
        pub const CATALOGNAME: u32 = 1;
        pub const SCHEMANAME: u32 = 2;
        pub const RELNAME: u32 = 3;
        pub const INH: u32 = 4;
        pub const RELPERSISTENCE: u32 = 5;
        pub const ALIAS: u32 = 6;
        pub const LOCATION: u32 = 7;
    }
    pub mod table_func {
        pub const FUNCTYPE: u32 = 1;
        pub const NS_URIS: u32 = 2;
        pub const NS_NAMES: u32 = 3;
        pub const DOCEXPR: u32 = 4;
        pub const ROWEXPR: u32 = 5;
        pub const COLNAMES: u32 = 6;
        pub const COLTYPES: u32 = 7;
        pub const COLTYPMODS: u32 = 8;
        pub const COLCOLLATIONS: u32 = 9;
        pub const COLEXPRS: u32 = 10;
        pub const COLDEFEXPRS: u32 = 11;
        pub const COLVALEXPRS: u32 = 12;
        pub const PASSINGVALEXPRS: u32 = 13;
        pub const NOTNULLS: u32 = 14;
        pub const PLAN: u32 = 15;
        pub const ORDINALITYCOL: u32 = 16;
        pub const LOCATION: u32 = 17;
    }
    pub mod into_clause {
        pub const REL: u32 = 1;
        pub const COL_NAMES: u32 = 2;
        pub const ACCESS_METHOD: u32 = 3;
        pub const OPTIONS: u32 = 4;
        pub const ON_COMMIT: u32 = 5;
        pub const TABLE_SPACE_NAME: u32 = 6;
        pub const VIEW_QUERY: u32 = 7;
        pub const SKIP_DATA: u32 = 8;
    }
    pub mod var {
        pub const XPR: u32 = 1;
        pub const VARNO: u32 = 2;
        pub const VARATTNO: u32 = 3;
        pub const VARTYPE: u32 = 4;
        pub const VARTYPMOD: u32 = 5;
        pub const VARCOLLID: u32 = 6;
        pub const VARNULLINGRELS: u32 = 7;
        pub const VARLEVELSUP: u32 = 8;
        pub const VARRETURNINGTYPE: u32 = 9;
        pub const LOCATION: u32 = 10;
    }
    pub mod param {
        pub const XPR: u32 = 1;
        pub const PARAMKIND: u32 = 2;
        pub const PARAMID: u32 = 3;
        pub const PARAMTYPE: u32 = 4;
        pub const PARAMTYPMOD: u32 = 5;
        pub const PARAMCOLLID: u32 = 6;
        pub const LOCATION: u32 = 7;
    }
    pub mod aggref {
        pub const XPR: u32 = 1;
        pub const AGGFNOID: u32 = 2;
        pub const AGGTYPE: u32 = 3;
        pub const AGGCOLLID: u32 = 4;
        pub const INPUTCOLLID: u32 = 5;
        pub const AGGARGTYPES: u32 = 6;
        pub const AGGDIRECTARGS: u32 = 7;
        pub const ARGS: u32 = 8;
        pub const AGGORDER: u32 = 9;
        pub const AGGDISTINCT: u32 = 10;
        pub const AGGFILTER: u32 = 11;
        pub const AGGSTAR: u32 = 12;
        pub const AGGVARIADIC: u32 = 13;
        pub const AGGKIND: u32 = 14;
        pub const AGGLEVELSUP: u32 = 15;
        pub const AGGSPLIT: u32 = 16;
        pub const AGGNO: u32 = 17;
        pub const AGGTRANSNO: u32 = 18;
        pub const LOCATION: u32 = 19;
    }
    pub mod grouping_func {
        pub const XPR: u32 = 1;
        pub const ARGS: u32 = 2;
        pub const REFS: u32 = 3;
        pub const AGGLEVELSUP: u32 = 4;
        pub const LOCATION: u32 = 5;
    }
    pub mod window_func {
        pub const XPR: u32 = 1;
        pub const WINFNOID: u32 = 2;
        pub const WINTYPE: u32 = 3;
        pub const WINCOLLID: u32 = 4;
        pub const INPUTCOLLID: u32 = 5;
        pub const ARGS: u32 = 6;
        pub const AGGFILTER: u32 = 7;
        pub const RUN_CONDITION: u32 = 8;
        pub const WINREF: u32 = 9;
        pub const WINSTAR: u32 = 10;
        pub const WINAGG: u32 = 11;
        pub const LOCATION: u32 = 12;
    }
    pub mod window_func_run_condition {
        pub const XPR: u32 = 1;
        pub const OPNO: u32 = 2;
        pub const INPUTCOLLID: u32 = 3;
        pub const WFUNC_LEFT: u32 = 4;
        pub const ARG: u32 = 5;
    }
    pub mod merge_support_func {
        pub const XPR: u32 = 1;
        pub const MSFTYPE: u32 = 2;
        pub const MSFCOLLID: u32 = 3;
        pub const LOCATION: u32 = 4;
    }
    pub mod subscripting_ref {
        pub const XPR: u32 = 1;
        pub const REFCONTAINERTYPE: u32 = 2;
        pub const REFELEMTYPE: u32 = 3;
        pub const REFRESTYPE: u32 = 4;
        pub const REFTYPMOD: u32 = 5;
        pub const REFCOLLID: u32 = 6;
        pub const REFUPPERINDEXPR: u32 = 7;
        pub const REFLOWERINDEXPR: u32 = 8;
        pub const REFEXPR: u32 = 9;
        pub const REFASSGNEXPR: u32 = 10;
    }
    pub mod func_expr {
        pub const XPR: u32 = 1;
        pub const FUNCID: u32 = 2;
        pub const FUNCRESULTTYPE: u32 = 3;
        pub const FUNCRETSET: u32 = 4;
        pub const FUNCVARIADIC: u32 = 5;
        pub const FUNCFORMAT: u32 = 6;
        pub const FUNCCOLLID: u32 = 7;
        pub const INPUTCOLLID: u32 = 8;
        pub const ARGS: u32 = 9;
        pub const LOCATION: u32 = 10;
    }
    pub mod named_arg_expr {
        pub const XPR: u32 = 1;
        pub const ARG: u32 = 2;
        pub const NAME: u32 = 3;
        pub const ARGNUMBER: u32 = 4;
        pub const LOCATION: u32 = 5;
    }
    pub mod op_expr {
        pub const XPR: u32 = 1;
        pub const OPNO: u32 = 2;
        pub const OPRESULTTYPE: u32 = 3;
        pub const OPRETSET: u32 = 4;
        pub const OPCOLLID: u32 = 5;
        pub const INPUTCOLLID: u32 = 6;
        pub const ARGS: u32 = 7;
        pub const LOCATION: u32 = 8;
    }
    pub mod distinct_expr {
        pub const XPR: u32 = 1;
        pub const OPNO: u32 = 2;
        pub const OPRESULTTYPE: u32 = 3;
        pub const OPRETSET: u32 = 4;
        pub const OPCOLLID: u32 = 5;
        pub const INPUTCOLLID: u32 = 6;
        pub const ARGS: u32 = 7;
        pub const LOCATION: u32 = 8;
    }
    pub mod null_if_expr {
        pub const XPR: u32 = 1;
        pub const OPNO: u32 = 2;
        pub const OPRESULTTYPE: u32 = 3;
        pub const OPRETSET: u32 = 4;
        pub const OPCOLLID: u32 = 5;
        pub const INPUTCOLLID: u32 = 6;
        pub const ARGS: u32 = 7;
        pub const LOCATION: u32 = 8;
    }
    pub mod scalar_array_op_expr {
        pub const XPR: u32 = 1;
        pub const OPNO: u32 = 2;
        pub const USE_OR: u32 = 3;
        pub const INPUTCOLLID: u32 = 4;
        pub const ARGS: u32 = 5;
        pub const LOCATION: u32 = 6;
    }
    pub mod bool_expr {
        pub const XPR: u32 = 1;
        pub const BOOLOP: u32 = 2;
        pub const ARGS: u32 = 3;
        pub const LOCATION: u32 = 4;
    }
    pub mod sub_link {
        pub const XPR: u32 = 1;
        pub const SUB_LINK_TYPE: u32 = 2;
        pub const SUB_LINK_ID: u32 = 3;
        pub const TESTEXPR: u32 = 4;
        pub const OPER_NAME: u32 = 5;
        pub const SUBSELECT: u32 = 6;
        pub const LOCATION: u32 = 7;
    }
    pub mod sub_plan {
        pub const XPR: u32 = 1;
        pub const SUB_LINK_TYPE: u32 = 2;
        pub const TESTEXPR: u32 = 3;
        pub const PARAM_IDS: u32 = 4;
        pub const PLAN_ID: u32 = 5;
        pub const PLAN_NAME: u32 = 6;
        pub const FIRST_COL_TYPE: u32 = 7;
        pub const FIRST_COL_TYPMOD: u32 = 8;
        pub const FIRST_COL_COLLATION: u32 = 9;
        pub const USE_HASH_TABLE: u32 = 10;
        pub const UNKNOWN_EQ_FALSE: u32 = 11;
        pub const PARALLEL_SAFE: u32 = 12;
        pub const SET_PARAM: u32 = 13;
        pub const PAR_PARAM: u32 = 14;
        pub const ARGS: u32 = 15;
        pub const STARTUP_COST: u32 = 16;
        pub const PER_CALL_COST: u32 = 17;
    }
    pub mod alternative_sub_plan {
        pub const XPR: u32 = 1;
        pub const SUBPLANS: u32 = 2;
    }
    pub mod field_select {
        pub const XPR: u32 = 1;
        pub const ARG: u32 = 2;
        pub const FIELDNUM: u32 = 3;
        pub const RESULTTYPE: u32 = 4;
        pub const RESULTTYPMOD: u32 = 5;
        pub const RESULTCOLLID: u32 = 6;
    }
    pub mod field_store {
        pub const XPR: u32 = 1;
        pub const ARG: u32 = 2;
        pub const NEWVALS: u32 = 3;
        pub const FIELDNUMS: u32 = 4;
        pub const RESULTTYPE: u32 = 5;
    }
    pub mod relabel_type {
        pub const XPR: u32 = 1;
        pub const ARG: u32 = 2;
        pub const RESULTTYPE: u32 = 3;
        pub const RESULTTYPMOD: u32 = 4;
        pub const RESULTCOLLID: u32 = 5;
        pub const RELABELFORMAT: u32 = 6;
        pub const LOCATION: u32 = 7;
    }
    pub mod coerce_via_io {
        pub const XPR: u32 = 1;
        pub const ARG: u32 = 2;
        pub const RESULTTYPE: u32 = 3;
        pub const RESULTCOLLID: u32 = 4;
        pub const COERCEFORMAT: u32 = 5;
        pub const LOCATION: u32 = 6;
    }
    pub mod array_coerce_expr {
        pub const XPR: u32 = 1;
        pub const ARG: u32 = 2;
        pub const ELEMEXPR: u32 = 3;
        pub const RESULTTYPE: u32 = 4;
        pub const RESULTTYPMOD: u32 = 5;
        pub const RESULTCOLLID: u32 = 6;
        pub const COERCEFORMAT: u32 = 7;
        pub const LOCATION: u32 = 8;
    }
    pub mod convert_rowtype_expr {
        pub const XPR: u32 = 1;
        pub const ARG: u32 = 2;
        pub const RESULTTYPE: u32 = 3;
        pub const CONVERTFORMAT: u32 = 4;
        pub const LOCATION: u32 = 5;
    }
    pub mod collate_expr {
        pub const XPR: u32 = 1;
        pub const ARG: u32 = 2;
        pub const COLL_OID: u32 = 3;
        pub const LOCATION: u32 = 4;
    }
    pub mod case_expr {
        pub const XPR: u32 = 1;
        pub const CASETYPE: u32 = 2;
        pub const CASECOLLID: u32 = 3;
        pub const ARG: u32 = 4;
        pub const ARGS: u32 = 5;
        pub const DEFRESULT: u32 = 6;
        pub const LOCATION: u32 = 7;
    }
    pub mod case_when {
        pub const XPR: u32 = 1;
        pub const EXPR: u32 = 2;
        pub const RESULT: u32 = 3;
        pub const LOCATION: u32 = 4;
    }
    pub mod case_test_expr {
        pub const XPR: u32 = 1;
        pub const TYPE_ID: u32 = 2;
        pub const TYPE_MOD: u32 = 3;
        pub const COLLATION: u32 = 4;
    }
    pub mod array_expr {
        pub const XPR: u32 = 1;
        pub const ARRAY_TYPEID: u32 = 2;
        pub const ARRAY_COLLID: u32 = 3;
        pub const ELEMENT_TYPEID: u32 = 4;
        pub const ELEMENTS: u32 = 5;
        pub const MULTIDIMS: u32 = 6;
        pub const LIST_START: u32 = 7;
        pub const LIST_END: u32 = 8;
        pub const LOCATION: u32 = 9;
    }
    pub mod row_expr {
        pub const XPR: u32 = 1;
        pub const ARGS: u32 = 2;
        pub const ROW_TYPEID: u32 = 3;
        pub const ROW_FORMAT: u32 = 4;
        pub const COLNAMES: u32 = 5;
        pub const LOCATION: u32 = 6;
    }
    pub mod row_compare_expr {
        pub const XPR: u32 = 1;
        pub const CMPTYPE: u32 = 2;
        pub const OPNOS: u32 = 3;
        pub const OPFAMILIES: u32 = 4;
        pub const INPUTCOLLIDS: u32 = 5;
        pub const LARGS: u32 = 6;
        pub const RARGS: u32 = 7;
    }
    pub mod coalesce_expr {
        pub const XPR: u32 = 1;
        pub const COALESCETYPE: u32 = 2;
        pub const COALESCECOLLID: u32 = 3;
        pub const ARGS: u32 = 4;
        pub const LOCATION: u32 = 5;
    }
    pub mod min_max_expr {
        pub const XPR: u32 = 1;
        pub const MINMAXTYPE: u32 = 2;
        pub const MINMAXCOLLID: u32 = 3;
        pub const INPUTCOLLID: u32 = 4;
        pub const OP: u32 = 5;
        pub const ARGS: u32 = 6;
        pub const LOCATION: u32 = 7;
    }
    pub mod sqlvalue_function {
        pub const XPR: u32 = 1;
        pub const OP: u32 = 2;
        pub const TYPE: u32 = 3;
        pub const TYPMOD: u32 = 4;
        pub const LOCATION: u32 = 5;
    }
    pub mod xml_expr {
        pub const XPR: u32 = 1;
        pub const OP: u32 = 2;
        pub const NAME: u32 = 3;
        pub const NAMED_ARGS: u32 = 4;
        pub const ARG_NAMES: u32 = 5;
        pub const ARGS: u32 = 6;
        pub const XMLOPTION: u32 = 7;
        pub const INDENT: u32 = 8;
        pub const TYPE: u32 = 9;
        pub const TYPMOD: u32 = 10;
        pub const LOCATION: u32 = 11;
    }
    pub mod json_format {
        pub const FORMAT_TYPE: u32 = 1;
        pub const ENCODING: u32 = 2;
        pub const LOCATION: u32 = 3;
    }
    pub mod json_returning {
        pub const FORMAT: u32 = 1;
        pub const TYPID: u32 = 2;
        pub const TYPMOD: u32 = 3;
    }
    pub mod json_value_expr {
        pub const RAW_EXPR: u32 = 1;
        pub const FORMATTED_EXPR: u32 = 2;
        pub const FORMAT: u32 = 3;
    }
    pub mod json_constructor_expr {
        pub const XPR: u32 = 1;
        pub const TYPE: u32 = 2;
        pub const ARGS: u32 = 3;
        pub const FUNC: u32 = 4;
        pub const COERCION: u32 = 5;
        pub const RETURNING: u32 = 6;
        pub const ABSENT_ON_NULL: u32 = 7;
        pub const UNIQUE: u32 = 8;
        pub const LOCATION: u32 = 9;
    }
    pub mod json_is_predicate {
        pub const EXPR: u32 = 1;
        pub const FORMAT: u32 = 2;
        pub const ITEM_TYPE: u32 = 3;
        pub const UNIQUE_KEYS: u32 = 4;
        pub const LOCATION: u32 = 5;
    }
    pub mod json_behavior {
        pub const BTYPE: u32 = 1;
        pub const EXPR: u32 = 2;
        pub const COERCE: u32 = 3;
        pub const LOCATION: u32 = 4;
    }
    pub mod json_expr {
        pub const XPR: u32 = 1;
        pub const OP: u32 = 2;
        pub const COLUMN_NAME: u32 = 3;
        pub const FORMATTED_EXPR: u32 = 4;
        pub const FORMAT: u32 = 5;
        pub const PATH_SPEC: u32 = 6;
        pub const RETURNING: u32 = 7;
        pub const PASSING_NAMES: u32 = 8;
        pub const PASSING_VALUES: u32 = 9;
        pub const ON_EMPTY: u32 = 10;
        pub const ON_ERROR: u32 = 11;
        pub const USE_IO_COERCION: u32 = 12;
        pub const USE_JSON_COERCION: u32 = 13;
        pub const WRAPPER: u32 = 14;
        pub const OMIT_QUOTES: u32 = 15;
        pub const COLLATION: u32 = 16;
        pub const LOCATION: u32 = 17;
    }
    pub mod json_table_path {
        pub const NAME: u32 = 1;
    }
    pub mod json_table_path_scan {
        pub const PLAN: u32 = 1;
        pub const PATH: u32 = 2;
        pub const ERROR_ON_ERROR: u32 = 3;
        pub const CHILD: u32 = 4;
        pub const COL_MIN: u32 = 5;
        pub const COL_MAX: u32 = 6;
    }
    pub mod json_table_sibling_join {
        pub const PLAN: u32 = 1;
        pub const LPLAN: u32 = 2;
        pub const RPLAN: u32 = 3;
    }
    pub mod null_test {
        pub const XPR: u32 = 1;
        pub const ARG: u32 = 2;
        pub const NULLTESTTYPE: u32 = 3;
        pub const ARGISROW: u32 = 4;
        pub const LOCATION: u32 = 5;
    }
    pub mod boolean_test {
        pub const XPR: u32 = 1;
        pub const ARG: u32 = 2;
        pub const BOOLTESTTYPE: u32 = 3;
        pub const LOCATION: u32 = 4;
    }
    pub mod merge_action {
        pub const MATCH_KIND: u32 = 1;
        pub const COMMAND_TYPE: u32 = 2;
        pub const OVERRIDE: u32 = 3;
        pub const QUAL: u32 = 4;
        pub const TARGET_LIST: u32 = 5;
        pub const UPDATE_COLNOS: u32 = 6;
    }
    pub mod coerce_to_domain {
        pub const XPR: u32 = 1;
        pub const ARG: u32 = 2;
        pub const RESULTTYPE: u32 = 3;
        pub const RESULTTYPMOD: u32 = 4;
        pub const RESULTCOLLID: u32 = 5;
        pub const COERCIONFORMAT: u32 = 6;
        pub const LOCATION: u32 = 7;
    }
    pub mod coerce_to_domain_value {
        pub const XPR: u32 = 1;
        pub const TYPE_ID: u32 = 2;
        pub const TYPE_MOD: u32 = 3;
        pub const COLLATION: u32 = 4;
        pub const LOCATION: u32 = 5;
    }
    pub mod set_to_default {
        pub const XPR: u32 = 1;
        pub const TYPE_ID: u32 = 2;
        pub const TYPE_MOD: u32 = 3;
        pub const COLLATION: u32 = 4;
        pub const LOCATION: u32 = 5;
    }
    pub mod current_of_expr {
        pub const XPR: u32 = 1;
        pub const CVARNO: u32 = 2;
        pub const CURSOR_NAME: u32 = 3;
        pub const CURSOR_PARAM: u32 = 4;
    }
    pub mod next_value_expr {
        pub const XPR: u32 = 1;
        pub const SEQID: u32 = 2;
        pub const TYPE_ID: u32 = 3;
    }
    pub mod inference_elem {
        pub const XPR: u32 = 1;
        pub const EXPR: u32 = 2;
        pub const INFERCOLLID: u32 = 3;
        pub const INFEROPCLASS: u32 = 4;
    }
    pub mod returning_expr {
        pub const XPR: u32 = 1;
        pub const RETLEVELSUP: u32 = 2;
        pub const RETOLD: u32 = 3;
        pub const RETEXPR: u32 = 4;
    }
    pub mod target_entry {
        pub const XPR: u32 = 1;
        pub const EXPR: u32 = 2;
        pub const RESNO: u32 = 3;
        pub const RESNAME: u32 = 4;
        pub const RESSORTGROUPREF: u32 = 5;
        pub const RESORIGTBL: u32 = 6;
        pub const RESORIGCOL: u32 = 7;
        pub const RESJUNK: u32 = 8;
    }
    pub mod range_tbl_ref {
        pub const RTINDEX: u32 = 1;
    }
    pub mod join_expr {
        pub const JOINTYPE: u32 = 1;
        pub const IS_NATURAL: u32 = 2;
        pub const LARG: u32 = 3;
        pub const RARG: u32 = 4;
        pub const USING_CLAUSE: u32 = 5;
        pub const JOIN_USING_ALIAS: u32 = 6;
        pub const QUALS: u32 = 7;
        pub const ALIAS: u32 = 8;
        pub const RTINDEX: u32 = 9;
    }
    pub mod from_expr {
        pub const FROMLIST: u32 = 1;
        pub const QUALS: u32 = 2;
    }
    pub mod on_conflict_expr {
        pub const ACTION: u32 = 1;
        pub const ARBITER_ELEMS: u32 = 2;
        pub const ARBITER_WHERE: u32 = 3;
        pub const CONSTRAINT: u32 = 4;
        pub const ON_CONFLICT_SET: u32 = 5;
        pub const ON_CONFLICT_WHERE: u32 = 6;
        pub const EXCL_REL_INDEX: u32 = 7;
        pub const EXCL_REL_TLIST: u32 = 8;
    }
    pub mod query {
        pub const COMMAND_TYPE: u32 = 1;
        pub const QUERY_SOURCE: u32 = 2;
        pub const CAN_SET_TAG: u32 = 3;
        pub const UTILITY_STMT: u32 = 4;
        pub const RESULT_RELATION: u32 = 5;
        pub const HAS_AGGS: u32 = 6;
        pub const HAS_WINDOW_FUNCS: u32 = 7;
        pub const HAS_TARGET_SRFS: u32 = 8;
        pub const HAS_SUB_LINKS: u32 = 9;
        pub const HAS_DISTINCT_ON: u32 = 10;
        pub const HAS_RECURSIVE: u32 = 11;
        pub const HAS_MODIFYING_CTE: u32 = 12;
        pub const HAS_FOR_UPDATE: u32 = 13;
        pub const HAS_ROW_SECURITY: u32 = 14;
        pub const HAS_GROUP_RTE: u32 = 15;
        pub const IS_RETURN: u32 = 16;
        pub const CTE_LIST: u32 = 17;
        pub const RTABLE: u32 = 18;
        pub const RTEPERMINFOS: u32 = 19;
        pub const JOINTREE: u32 = 20;
        pub const MERGE_ACTION_LIST: u32 = 21;
        pub const MERGE_TARGET_RELATION: u32 = 22;
        pub const MERGE_JOIN_CONDITION: u32 = 23;
        pub const TARGET_LIST: u32 = 24;
        pub const OVERRIDE: u32 = 25;
        pub const ON_CONFLICT: u32 = 26;
        pub const RETURNING_OLD_ALIAS: u32 = 27;
        pub const RETURNING_NEW_ALIAS: u32 = 28;
        pub const RETURNING_LIST: u32 = 29;
        pub const GROUP_CLAUSE: u32 = 30;
        pub const GROUP_DISTINCT: u32 = 31;
        pub const GROUPING_SETS: u32 = 32;
        pub const HAVING_QUAL: u32 = 33;
        pub const WINDOW_CLAUSE: u32 = 34;
        pub const DISTINCT_CLAUSE: u32 = 35;
        pub const SORT_CLAUSE: u32 = 36;
        pub const LIMIT_OFFSET: u32 = 37;
        pub const LIMIT_COUNT: u32 = 38;
        pub const LIMIT_OPTION: u32 = 39;
        pub const ROW_MARKS: u32 = 40;
        pub const SET_OPERATIONS: u32 = 41;
        pub const CONSTRAINT_DEPS: u32 = 42;
        pub const WITH_CHECK_OPTIONS: u32 = 43;
        pub const STMT_LOCATION: u32 = 44;
        pub const STMT_LEN: u32 = 45;
    }
    pub mod type_name {
        pub const NAMES: u32 = 1;
        pub const TYPE_OID: u32 = 2;
        pub const SETOF: u32 = 3;
        pub const PCT_TYPE: u32 = 4;
        pub const TYPMODS: u32 = 5;
        pub const TYPEMOD: u32 = 6;
        pub const ARRAY_BOUNDS: u32 = 7;
        pub const LOCATION: u32 = 8;
    }
    pub mod column_ref {
        pub const FIELDS: u32 = 1;
        pub const LOCATION: u32 = 2;
    }
    pub mod param_ref {
        pub const NUMBER: u32 = 1;
        pub const LOCATION: u32 = 2;
    }
    pub mod a_expr {
        pub const KIND: u32 = 1;
        pub const NAME: u32 = 2;
        pub const LEXPR: u32 = 3;
        pub const REXPR: u32 = 4;
        pub const REXPR_LIST_START: u32 = 5;
        pub const REXPR_LIST_END: u32 = 6;
        pub const LOCATION: u32 = 7;
    }
    pub mod type_cast {
        pub const ARG: u32 = 1;
        pub const TYPE_NAME: u32 = 2;
        pub const LOCATION: u32 = 3;
    }
    pub mod collate_clause {
        pub const ARG: u32 = 1;
        pub const COLLNAME: u32 = 2;
        pub const LOCATION: u32 = 3;
    }
    pub mod role_spec {
        pub const ROLETYPE: u32 = 1;
        pub const ROLENAME: u32 = 2;
        pub const LOCATION: u32 = 3;
    }
    pub mod func_call {
        pub const FUNCNAME: u32 = 1;
        pub const ARGS: u32 = 2;
        pub const AGG_ORDER: u32 = 3;
        pub const AGG_FILTER: u32 = 4;
        pub const OVER: u32 = 5;
        pub const AGG_WITHIN_GROUP: u32 = 6;
        pub const AGG_STAR: u32 = 7;
        pub const AGG_DISTINCT: u32 = 8;
        pub const FUNC_VARIADIC: u32 = 9;
        pub const FUNCFORMAT: u32 = 10;
        pub const LOCATION: u32 = 11;
    }
    pub mod a_star {
    }
    pub mod a_indices {
        pub const IS_SLICE: u32 = 1;
        pub const LIDX: u32 = 2;
        pub const UIDX: u32 = 3;
    }
    pub mod a_indirection {
        pub const ARG: u32 = 1;
        pub const INDIRECTION: u32 = 2;
    }
    pub mod a_array_expr {
        pub const ELEMENTS: u32 = 1;
        pub const LIST_START: u32 = 2;
        pub const LIST_END: u32 = 3;
        pub const LOCATION: u32 = 4;
    }
    pub mod res_target {
        pub const NAME: u32 = 1;
        pub const INDIRECTION: u32 = 2;
        pub const VAL: u32 = 3;
        pub const LOCATION: u32 = 4;
    }
    pub mod multi_assign_ref {
        pub const SOURCE: u32 = 1;
        pub const COLNO: u32 = 2;
        pub const NCOLUMNS: u32 = 3;
    }
    pub mod sort_by {
        pub const NODE: u32 = 1;
        pub const SORTBY_DIR: u32 = 2;
        pub const SORTBY_NULLS: u32 = 3;
        pub const USE_OP: u32 = 4;
        pub const LOCATION: u32 = 5;
    }
    pub mod window_def {
        pub const NAME: u32 = 1;
        pub const REFNAME: u32 = 2;
        pub const PARTITION_CLAUSE: u32 = 3;
        pub const ORDER_CLAUSE: u32 = 4;
        pub const FRAME_OPTIONS: u32 = 5;
        pub const START_OFFSET: u32 = 6;
        pub const END_OFFSET: u32 = 7;
        pub const LOCATION: u32 = 8;
    }
    pub mod range_subselect {
        pub const LATERAL: u32 = 1;
        pub const SUBQUERY: u32 = 2;
        pub const ALIAS: u32 = 3;
    }
    pub mod range_function {
        pub const LATERAL: u32 = 1;
        pub const ORDINALITY: u32 = 2;
        pub const IS_ROWSFROM: u32 = 3;
        pub const FUNCTIONS: u32 = 4;
        pub const ALIAS: u32 = 5;
        pub const COLDEFLIST: u32 = 6;
    }
    pub mod range_table_func {
        pub const LATERAL: u32 = 1;
        pub const DOCEXPR: u32 = 2;
        pub const ROWEXPR: u32 = 3;
        pub const NAMESPACES: u32 = 4;
        pub const COLUMNS: u32 = 5;
        pub const ALIAS: u32 = 6;
        pub const LOCATION: u32 = 7;
    }
    pub mod range_table_func_col {
        pub const COLNAME: u32 = 1;
        pub const TYPE_NAME: u32 = 2;
        pub const FOR_ORDINALITY: u32 = 3;
        pub const IS_NOT_NULL: u32 = 4;
        pub const COLEXPR: u32 = 5;
        pub const COLDEFEXPR: u32 = 6;
        pub const LOCATION: u32 = 7;
    }
    pub mod range_table_sample {
        pub const RELATION: u32 = 1;
        pub const METHOD: u32 = 2;
        pub const ARGS: u32 = 3;
        pub const REPEATABLE: u32 = 4;
        pub const LOCATION: u32 = 5;
    }
    pub mod column_def {
        pub const COLNAME: u32 = 1;
        pub const TYPE_NAME: u32 = 2;
        pub const COMPRESSION: u32 = 3;
        pub const INHCOUNT: u32 = 4;
        pub const IS_LOCAL: u32 = 5;
        pub const IS_NOT_NULL: u32 = 6;
        pub const IS_FROM_TYPE: u32 = 7;
        pub const STORAGE: u32 = 8;
        pub const STORAGE_NAME: u32 = 9;
        pub const RAW_DEFAULT: u32 = 10;
        pub const COOKED_DEFAULT: u32 = 11;
        pub const IDENTITY: u32 = 12;
        pub const IDENTITY_SEQUENCE: u32 = 13;
        pub const GENERATED: u32 = 14;
        pub const COLL_CLAUSE: u32 = 15;
        pub const COLL_OID: u32 = 16;
        pub const CONSTRAINTS: u32 = 17;
        pub const FDWOPTIONS: u32 = 18;
        pub const LOCATION: u32 = 19;
    }
    pub mod table_like_clause {
        pub const RELATION: u32 = 1;
        pub const OPTIONS: u32 = 2;
        pub const RELATION_OID: u32 = 3;
    }
    pub mod index_elem {
        pub const NAME: u32 = 1;
        pub const EXPR: u32 = 2;
        pub const INDEXCOLNAME: u32 = 3;
        pub const COLLATION: u32 = 4;
        pub const OPCLASS: u32 = 5;
        pub const OPCLASSOPTS: u32 = 6;
        pub const ORDERING: u32 = 7;
        pub const NULLS_ORDERING: u32 = 8;
    }
    pub mod def_elem {
        pub const DEFNAMESPACE: u32 = 1;
        pub const DEFNAME: u32 = 2;
        pub const ARG: u32 = 3;
        pub const DEFACTION: u32 = 4;
        pub const LOCATION: u32 = 5;
        pub const ARG_LOCATION: u32 = 6;
    }
    pub mod locking_clause {
        pub const LOCKED_RELS: u32 = 1;
        pub const STRENGTH: u32 = 2;
        pub const WAIT_POLICY: u32 = 3;
    }
    pub mod xml_serialize {
        pub const XMLOPTION: u32 = 1;
        pub const EXPR: u32 = 2;
        pub const TYPE_NAME: u32 = 3;
        pub const INDENT: u32 = 4;
        pub const LOCATION: u32 = 5;
    }
    pub mod partition_elem {
        pub const NAME: u32 = 1;
        pub const EXPR: u32 = 2;
        pub const COLLATION: u32 = 3;
        pub const OPCLASS: u32 = 4;
        pub const LOCATION: u32 = 5;
    }
    pub mod partition_spec {
        pub const STRATEGY: u32 = 1;
        pub const PART_PARAMS: u32 = 2;
        pub const LOCATION: u32 = 3;
    }
    pub mod partition_bound_spec {
        pub const STRATEGY: u32 = 1;
        pub const IS_DEFAULT: u32 = 2;
        pub const MODULUS: u32 = 3;
        pub const REMAINDER: u32 = 4;
        pub const LISTDATUMS: u32 = 5;
        pub const LOWERDATUMS: u32 = 6;
        pub const UPPERDATUMS: u32 = 7;
        pub const LOCATION: u32 = 8;
    }
    pub mod partition_range_datum {
        pub const KIND: u32 = 1;
        pub const VALUE: u32 = 2;
        pub const LOCATION: u32 = 3;
    }
    pub mod partition_cmd {
        pub const NAME: u32 = 1;
        pub const BOUND: u32 = 2;
        pub const CONCURRENT: u32 = 3;
    }
    pub mod range_tbl_entry {
        pub const ALIAS: u32 = 1;
        pub const EREF: u32 = 2;
        pub const RTEKIND: u32 = 3;
        pub const RELID: u32 = 4;
        pub const INH: u32 = 5;
        pub const RELKIND: u32 = 6;
        pub const RELLOCKMODE: u32 = 7;
        pub const PERMINFOINDEX: u32 = 8;
        pub const TABLESAMPLE: u32 = 9;
        pub const SUBQUERY: u32 = 10;
        pub const SECURITY_BARRIER: u32 = 11;
        pub const JOINTYPE: u32 = 12;
        pub const JOINMERGEDCOLS: u32 = 13;
        pub const JOINALIASVARS: u32 = 14;
        pub const JOINLEFTCOLS: u32 = 15;
        pub const JOINRIGHTCOLS: u32 = 16;
        pub const JOIN_USING_ALIAS: u32 = 17;
        pub const FUNCTIONS: u32 = 18;
        pub const FUNCORDINALITY: u32 = 19;
        pub const TABLEFUNC: u32 = 20;
        pub const VALUES_LISTS: u32 = 21;
        pub const CTENAME: u32 = 22;
        pub const CTELEVELSUP: u32 = 23;
        pub const SELF_REFERENCE: u32 = 24;
        pub const COLTYPES: u32 = 25;
        pub const COLTYPMODS: u32 = 26;
        pub const COLCOLLATIONS: u32 = 27;
        pub const ENRNAME: u32 = 28;
        pub const ENRTUPLES: u32 = 29;
        pub const GROUPEXPRS: u32 = 30;
        pub const LATERAL: u32 = 31;
        pub const IN_FROM_CL: u32 = 32;
        pub const SECURITY_QUALS: u32 = 33;
    }
    pub mod rtepermission_info {
        pub const RELID: u32 = 1;
        pub const INH: u32 = 2;
        pub const REQUIRED_PERMS: u32 = 3;
        pub const CHECK_AS_USER: u32 = 4;
        pub const SELECTED_COLS: u32 = 5;
        pub const INSERTED_COLS: u32 = 6;
        pub const UPDATED_COLS: u32 = 7;
    }
    pub mod range_tbl_function {
        pub const FUNCEXPR: u32 = 1;
        pub const FUNCCOLCOUNT: u32 = 2;
        pub const FUNCCOLNAMES: u32 = 3;
        pub const FUNCCOLTYPES: u32 = 4;
        pub const FUNCCOLTYPMODS: u32 = 5;
        pub const FUNCCOLCOLLATIONS: u32 = 6;
        pub const FUNCPARAMS: u32 = 7;
    }
    pub mod table_sample_clause {
        pub const TSMHANDLER: u32 = 1;
        pub const ARGS: u32 = 2;
        pub const REPEATABLE: u32 = 3;
    }
    pub mod with_check_option {
        pub const KIND: u32 = 1;
        pub const RELNAME: u32 = 2;
        pub const POLNAME: u32 = 3;
        pub const QUAL: u32 = 4;
        pub const CASCADED: u32 = 5;
    }
    pub mod sort_group_clause {
        pub const TLE_SORT_GROUP_REF: u32 = 1;
        pub const EQOP: u32 = 2;
        pub const SORTOP: u32 = 3;
        pub const REVERSE_SORT: u32 = 4;
        pub const NULLS_FIRST: u32 = 5;
        pub const HASHABLE: u32 = 6;
    }
    pub mod grouping_set {
        pub const KIND: u32 = 1;
        pub const CONTENT: u32 = 2;
        pub const LOCATION: u32 = 3;
    }
    pub mod window_clause {
        pub const NAME: u32 = 1;
        pub const REFNAME: u32 = 2;
        pub const PARTITION_CLAUSE: u32 = 3;
        pub const ORDER_CLAUSE: u32 = 4;
        pub const FRAME_OPTIONS: u32 = 5;
        pub const START_OFFSET: u32 = 6;
        pub const END_OFFSET: u32 = 7;
        pub const START_IN_RANGE_FUNC: u32 = 8;
        pub const END_IN_RANGE_FUNC: u32 = 9;
        pub const IN_RANGE_COLL: u32 = 10;
        pub const IN_RANGE_ASC: u32 = 11;
        pub const IN_RANGE_NULLS_FIRST: u32 = 12;
        pub const WINREF: u32 = 13;
        pub const COPIED_ORDER: u32 = 14;
    }
    pub mod row_mark_clause {
        pub const RTI: u32 = 1;
        pub const STRENGTH: u32 = 2;
        pub const WAIT_POLICY: u32 = 3;
        pub const PUSHED_DOWN: u32 = 4;
    }
    pub mod with_clause {
        pub const CTES: u32 = 1;
        pub const RECURSIVE: u32 = 2;
        pub const LOCATION: u32 = 3;
    }
    pub mod infer_clause {
        pub const INDEX_ELEMS: u32 = 1;
        pub const WHERE_CLAUSE: u32 = 2;
        pub const CONNAME: u32 = 3;
        pub const LOCATION: u32 = 4;
    }
    pub mod on_conflict_clause {
        pub const ACTION: u32 = 1;
        pub const INFER: u32 = 2;
        pub const TARGET_LIST: u32 = 3;
        pub const WHERE_CLAUSE: u32 = 4;
        pub const LOCATION: u32 = 5;
    }
    pub mod ctesearch_clause {
        pub const SEARCH_COL_LIST: u32 = 1;
        pub const SEARCH_BREADTH_FIRST: u32 = 2;
        pub const SEARCH_SEQ_COLUMN: u32 = 3;
        pub const LOCATION: u32 = 4;
    }
    pub mod ctecycle_clause {
        pub const CYCLE_COL_LIST: u32 = 1;
        pub const CYCLE_MARK_COLUMN: u32 = 2;
        pub const CYCLE_MARK_VALUE: u32 = 3;
        pub const CYCLE_MARK_DEFAULT: u32 = 4;
        pub const CYCLE_PATH_COLUMN: u32 = 5;
        pub const LOCATION: u32 = 6;
        pub const CYCLE_MARK_TYPE: u32 = 7;
        pub const CYCLE_MARK_TYPMOD: u32 = 8;
        pub const CYCLE_MARK_COLLATION: u32 = 9;
        pub const CYCLE_MARK_NEOP: u32 = 10;
    }
    pub mod common_table_expr {
        pub const CTENAME: u32 = 1;
        pub const ALIASCOLNAMES: u32 = 2;
        pub const CTEMATERIALIZED: u32 = 3;
        pub const CTEQUERY: u32 = 4;
        pub const SEARCH_CLAUSE: u32 = 5;
        pub const CYCLE_CLAUSE: u32 = 6;
        pub const LOCATION: u32 = 7;
        pub const CTERECURSIVE: u32 = 8;
        pub const CTEREFCOUNT: u32 = 9;
        pub const CTECOLNAMES: u32 = 10;
        pub const CTECOLTYPES: u32 = 11;
        pub const CTECOLTYPMODS: u32 = 12;
        pub const CTECOLCOLLATIONS: u32 = 13;
    }
    pub mod merge_when_clause {
        pub const MATCH_KIND: u32 = 1;
        pub const COMMAND_TYPE: u32 = 2;
        pub const OVERRIDE: u32 = 3;
        pub const CONDITION: u32 = 4;
        pub const TARGET_LIST: u32 = 5;
        pub const VALUES: u32 = 6;
    }
    pub mod returning_option {
        pub const OPTION: u32 = 1;
        pub const VALUE: u32 = 2;
        pub const LOCATION: u32 = 3;
    }
    pub mod returning_clause {
        pub const OPTIONS: u32 = 1;
        pub const EXPRS: u32 = 2;
    }
    pub mod trigger_transition {
        pub const NAME: u32 = 1;
        pub const IS_NEW: u32 = 2;
        pub const IS_TABLE: u32 = 3;
    }
    pub mod json_output {
        pub const TYPE_NAME: u32 = 1;
        pub const RETURNING: u32 = 2;
    }
    pub mod json_argument {
        pub const VAL: u32 = 1;
        pub const NAME: u32 = 2;
    }
    pub mod json_func_expr {
        pub const OP: u32 = 1;
        pub const COLUMN_NAME: u32 = 2;
        pub const CONTEXT_ITEM: u32 = 3;
        pub const PATHSPEC: u32 = 4;
        pub const PASSING: u32 = 5;
        pub const OUTPUT: u32 = 6;
        pub const ON_EMPTY: u32 = 7;
        pub const ON_ERROR: u32 = 8;
        pub const WRAPPER: u32 = 9;
        pub const QUOTES: u32 = 10;
        pub const LOCATION: u32 = 11;
    }
    pub mod json_table_path_spec {
        pub const STRING: u32 = 1;
        pub const NAME: u32 = 2;
        pub const NAME_LOCATION: u32 = 3;
        pub const LOCATION: u32 = 4;
    }
    pub mod json_table {
        pub const CONTEXT_ITEM: u32 = 1;
        pub const PATHSPEC: u32 = 2;
        pub const PASSING: u32 = 3;
        pub const COLUMNS: u32 = 4;
        pub const ON_ERROR: u32 = 5;
        pub const ALIAS: u32 = 6;
        pub const LATERAL: u32 = 7;
        pub const LOCATION: u32 = 8;
    }
    pub mod json_table_column {
        pub const COLTYPE: u32 = 1;
        pub const NAME: u32 = 2;
        pub const TYPE_NAME: u32 = 3;
        pub const PATHSPEC: u32 = 4;
        pub const FORMAT: u32 = 5;
        pub const WRAPPER: u32 = 6;
        pub const QUOTES: u32 = 7;
        pub const COLUMNS: u32 = 8;
        pub const ON_EMPTY: u32 = 9;
        pub const ON_ERROR: u32 = 10;
        pub const LOCATION: u32 = 11;
    }
    pub mod json_key_value {
        pub const KEY: u32 = 1;
        pub const VALUE: u32 = 2;
    }
    pub mod json_parse_expr {
        pub const EXPR: u32 = 1;
        pub const OUTPUT: u32 = 2;
        pub const UNIQUE_KEYS: u32 = 3;
        pub const LOCATION: u32 = 4;
    }
    pub mod json_scalar_expr {
        pub const EXPR: u32 = 1;
        pub const OUTPUT: u32 = 2;
        pub const LOCATION: u32 = 3;
    }
    pub mod json_serialize_expr {
        pub const EXPR: u32 = 1;
        pub const OUTPUT: u32 = 2;
        pub const LOCATION: u32 = 3;
    }
    pub mod json_object_constructor {
        pub const EXPRS: u32 = 1;
        pub const OUTPUT: u32 = 2;
        pub const ABSENT_ON_NULL: u32 = 3;
        pub const UNIQUE: u32 = 4;
        pub const LOCATION: u32 = 5;
    }
    pub mod json_array_constructor {
        pub const EXPRS: u32 = 1;
        pub const OUTPUT: u32 = 2;
        pub const ABSENT_ON_NULL: u32 = 3;
        pub const LOCATION: u32 = 4;
    }
    pub mod json_array_query_constructor {
        pub const QUERY: u32 = 1;
        pub const OUTPUT: u32 = 2;
        pub const FORMAT: u32 = 3;
        pub const ABSENT_ON_NULL: u32 = 4;
        pub const LOCATION: u32 = 5;
    }
    pub mod json_agg_constructor {
        pub const OUTPUT: u32 = 1;
        pub const AGG_FILTER: u32 = 2;
        pub const AGG_ORDER: u32 = 3;
        pub const OVER: u32 = 4;
        pub const LOCATION: u32 = 5;
    }
    pub mod json_object_agg {
        pub const CONSTRUCTOR: u32 = 1;
        pub const ARG: u32 = 2;
        pub const ABSENT_ON_NULL: u32 = 3;
        pub const UNIQUE: u32 = 4;
    }
    pub mod json_array_agg {
        pub const CONSTRUCTOR: u32 = 1;
        pub const ARG: u32 = 2;
        pub const ABSENT_ON_NULL: u32 = 3;
    }
    pub mod raw_stmt {
        pub const STMT: u32 = 1;
        pub const STMT_LOCATION: u32 = 2;
        pub const STMT_LEN: u32 = 3;
    }
    pub mod insert_stmt {
        pub const RELATION: u32 = 1;
        pub const COLS: u32 = 2;
        pub const SELECT_STMT: u32 = 3;
        pub const ON_CONFLICT_CLAUSE: u32 = 4;
        pub const RETURNING_CLAUSE: u32 = 5;
        pub const WITH_CLAUSE: u32 = 6;
        pub const OVERRIDE: u32 = 7;
    }
    pub mod delete_stmt {
        pub const RELATION: u32 = 1;
        pub const USING_CLAUSE: u32 = 2;
        pub const WHERE_CLAUSE: u32 = 3;
        pub const RETURNING_CLAUSE: u32 = 4;
        pub const WITH_CLAUSE: u32 = 5;
    }
    pub mod update_stmt {
        pub const RELATION: u32 = 1;
        pub const TARGET_LIST: u32 = 2;
        pub const WHERE_CLAUSE: u32 = 3;
        pub const FROM_CLAUSE: u32 = 4;
        pub const RETURNING_CLAUSE: u32 = 5;
        pub const WITH_CLAUSE: u32 = 6;
    }
    pub mod merge_stmt {
        pub const RELATION: u32 = 1;
        pub const SOURCE_RELATION: u32 = 2;
        pub const JOIN_CONDITION: u32 = 3;
        pub const MERGE_WHEN_CLAUSES: u32 = 4;
        pub const RETURNING_CLAUSE: u32 = 5;
        pub const WITH_CLAUSE: u32 = 6;
    }
    pub mod select_stmt {
        pub const DISTINCT_CLAUSE: u32 = 1;
        pub const INTO_CLAUSE: u32 = 2;
        pub const TARGET_LIST: u32 = 3;
        pub const FROM_CLAUSE: u32 = 4;
        pub const WHERE_CLAUSE: u32 = 5;
        pub const GROUP_CLAUSE: u32 = 6;
        pub const GROUP_DISTINCT: u32 = 7;
        pub const HAVING_CLAUSE: u32 = 8;
        pub const WINDOW_CLAUSE: u32 = 9;
        pub const VALUES_LISTS: u32 = 10;
        pub const SORT_CLAUSE: u32 = 11;
        pub const LIMIT_OFFSET: u32 = 12;
        pub const LIMIT_COUNT: u32 = 13;
        pub const LIMIT_OPTION: u32 = 14;
        pub const LOCKING_CLAUSE: u32 = 15;
        pub const WITH_CLAUSE: u32 = 16;
        pub const OP: u32 = 17;
        pub const ALL: u32 = 18;
        pub const LARG: u32 = 19;
        pub const RARG: u32 = 20;
    }
    pub mod set_operation_stmt {
        pub const OP: u32 = 1;
        pub const ALL: u32 = 2;
        pub const LARG: u32 = 3;
        pub const RARG: u32 = 4;
        pub const COL_TYPES: u32 = 5;
        pub const COL_TYPMODS: u32 = 6;
        pub const COL_COLLATIONS: u32 = 7;
        pub const GROUP_CLAUSES: u32 = 8;
    }
    pub mod return_stmt {
        pub const RETURNVAL: u32 = 1;
    }
    pub mod plassign_stmt {
        pub const NAME: u32 = 1;
        pub const INDIRECTION: u32 = 2;
        pub const NNAMES: u32 = 3;
        pub const VAL: u32 = 4;
        pub const LOCATION: u32 = 5;
    }
    pub mod create_schema_stmt {
        pub const SCHEMANAME: u32 = 1;
        pub const AUTHROLE: u32 = 2;
        pub const SCHEMA_ELTS: u32 = 3;
        pub const IF_NOT_EXISTS: u32 = 4;
    }
    pub mod alter_table_stmt {
        pub const RELATION: u32 = 1;
        pub const CMDS: u32 = 2;
        pub const OBJTYPE: u32 = 3;
        pub const MISSING_OK: u32 = 4;
    }
    pub mod alter_table_cmd {
        pub const SUBTYPE: u32 = 1;
        pub const NAME: u32 = 2;
        pub const NUM: u32 = 3;
        pub const NEWOWNER: u32 = 4;
        pub const DEF: u32 = 5;
        pub const BEHAVIOR: u32 = 6;
        pub const MISSING_OK: u32 = 7;
        pub const RECURSE: u32 = 8;
    }
    pub mod atalter_constraint {
        pub const CONNAME: u32 = 1;
        pub const ALTER_ENFORCEABILITY: u32 = 2;
        pub const IS_ENFORCED: u32 = 3;
        pub const ALTER_DEFERRABILITY: u32 = 4;
        pub const DEFERRABLE: u32 = 5;
        pub const INITDEFERRED: u32 = 6;
        pub const ALTER_INHERITABILITY: u32 = 7;
        pub const NOINHERIT: u32 = 8;
    }
    pub mod replica_identity_stmt {
        pub const IDENTITY_TYPE: u32 = 1;
        pub const NAME: u32 = 2;
    }
    pub mod alter_collation_stmt {
        pub const COLLNAME: u32 = 1;
    }
    pub mod alter_domain_stmt {
        pub const SUBTYPE: u32 = 1;
        pub const TYPE_NAME: u32 = 2;
        pub const NAME: u32 = 3;
        pub const DEF: u32 = 4;
        pub const BEHAVIOR: u32 = 5;
        pub const MISSING_OK: u32 = 6;
    }
    pub mod grant_stmt {
        pub const IS_GRANT: u32 = 1;
        pub const TARGTYPE: u32 = 2;
        pub const OBJTYPE: u32 = 3;
        pub const OBJECTS: u32 = 4;
        pub const PRIVILEGES: u32 = 5;
        pub const GRANTEES: u32 = 6;
        pub const GRANT_OPTION: u32 = 7;
        pub const GRANTOR: u32 = 8;
        pub const BEHAVIOR: u32 = 9;
    }
    pub mod object_with_args {
        pub const OBJNAME: u32 = 1;
        pub const OBJARGS: u32 = 2;
        pub const OBJFUNCARGS: u32 = 3;
        pub const ARGS_UNSPECIFIED: u32 = 4;
    }
    pub mod access_priv {
        pub const PRIV_NAME: u32 = 1;
        pub const COLS: u32 = 2;
    }
    pub mod grant_role_stmt {
        pub const GRANTED_ROLES: u32 = 1;
        pub const GRANTEE_ROLES: u32 = 2;
        pub const IS_GRANT: u32 = 3;
        pub const OPT: u32 = 4;
        pub const GRANTOR: u32 = 5;
        pub const BEHAVIOR: u32 = 6;
    }
    pub mod alter_default_privileges_stmt {
        pub const OPTIONS: u32 = 1;
        pub const ACTION: u32 = 2;
    }
    pub mod copy_stmt {
        pub const RELATION: u32 = 1;
        pub const QUERY: u32 = 2;
        pub const ATTLIST: u32 = 3;
        pub const IS_FROM: u32 = 4;
        pub const IS_PROGRAM: u32 = 5;
        pub const FILENAME: u32 = 6;
        pub const OPTIONS: u32 = 7;
        pub const WHERE_CLAUSE: u32 = 8;
    }
    pub mod variable_set_stmt {
        pub const KIND: u32 = 1;
        pub const NAME: u32 = 2;
        pub const ARGS: u32 = 3;
        pub const JUMBLE_ARGS: u32 = 4;
        pub const IS_LOCAL: u32 = 5;
        pub const LOCATION: u32 = 6;
    }
    pub mod variable_show_stmt {
        pub const NAME: u32 = 1;
    }
    pub mod create_stmt {
        pub const RELATION: u32 = 1;
        pub const TABLE_ELTS: u32 = 2;
        pub const INH_RELATIONS: u32 = 3;
        pub const PARTBOUND: u32 = 4;
        pub const PARTSPEC: u32 = 5;
        pub const OF_TYPENAME: u32 = 6;
        pub const CONSTRAINTS: u32 = 7;
        pub const NNCONSTRAINTS: u32 = 8;
        pub const OPTIONS: u32 = 9;
        pub const ONCOMMIT: u32 = 10;
        pub const TABLESPACENAME: u32 = 11;
        pub const ACCESS_METHOD: u32 = 12;
        pub const IF_NOT_EXISTS: u32 = 13;
    }
    pub mod constraint {
        pub const CONTYPE: u32 = 1;
        pub const CONNAME: u32 = 2;
        pub const DEFERRABLE: u32 = 3;
        pub const INITDEFERRED: u32 = 4;
        pub const IS_ENFORCED: u32 = 5;
        pub const SKIP_VALIDATION: u32 = 6;
        pub const INITIALLY_VALID: u32 = 7;
        pub const IS_NO_INHERIT: u32 = 8;
        pub const RAW_EXPR: u32 = 9;
        pub const COOKED_EXPR: u32 = 10;
        pub const GENERATED_WHEN: u32 = 11;
        pub const GENERATED_KIND: u32 = 12;
        pub const NULLS_NOT_DISTINCT: u32 = 13;
        pub const KEYS: u32 = 14;
        pub const WITHOUT_OVERLAPS: u32 = 15;
        pub const INCLUDING: u32 = 16;
        pub const EXCLUSIONS: u32 = 17;
        pub const OPTIONS: u32 = 18;
        pub const INDEXNAME: u32 = 19;
        pub const INDEXSPACE: u32 = 20;
        pub const RESET_DEFAULT_TBLSPC: u32 = 21;
        pub const ACCESS_METHOD: u32 = 22;
        pub const WHERE_CLAUSE: u32 = 23;
        pub const PKTABLE: u32 = 24;
        pub const FK_ATTRS: u32 = 25;
        pub const PK_ATTRS: u32 = 26;
        pub const FK_WITH_PERIOD: u32 = 27;
        pub const PK_WITH_PERIOD: u32 = 28;
        pub const FK_MATCHTYPE: u32 = 29;
        pub const FK_UPD_ACTION: u32 = 30;
        pub const FK_DEL_ACTION: u32 = 31;
        pub const FK_DEL_SET_COLS: u32 = 32;
        pub const OLD_CONPFEQOP: u32 = 33;
        pub const OLD_PKTABLE_OID: u32 = 34;
        pub const LOCATION: u32 = 35;
    }
    pub mod create_table_space_stmt {
        pub const TABLESPACENAME: u32 = 1;
        pub const OWNER: u32 = 2;
        pub const LOCATION: u32 = 3;
        pub const OPTIONS: u32 = 4;
    }
    pub mod drop_table_space_stmt {
        pub const TABLESPACENAME: u32 = 1;
        pub const MISSING_OK: u32 = 2;
    }
    pub mod alter_table_space_options_stmt {
        pub const TABLESPACENAME: u32 = 1;
        pub const OPTIONS: u32 = 2;
        pub const IS_RESET: u32 = 3;
    }
    pub mod alter_table_move_all_stmt {
        pub const ORIG_TABLESPACENAME: u32 = 1;
        pub const OBJTYPE: u32 = 2;
        pub const ROLES: u32 = 3;
        pub const NEW_TABLESPACENAME: u32 = 4;
        pub const NOWAIT: u32 = 5;
    }
    pub mod create_extension_stmt {
        pub const EXTNAME: u32 = 1;
        pub const IF_NOT_EXISTS: u32 = 2;
        pub const OPTIONS: u32 = 3;
    }
    pub mod alter_extension_stmt {
        pub const EXTNAME: u32 = 1;
        pub const OPTIONS: u32 = 2;
    }
    pub mod alter_extension_contents_stmt {
        pub const EXTNAME: u32 = 1;
        pub const ACTION: u32 = 2;
        pub const OBJTYPE: u32 = 3;
        pub const OBJECT: u32 = 4;
    }
    pub mod create_fdw_stmt {
        pub const FDWNAME: u32 = 1;
        pub const FUNC_OPTIONS: u32 = 2;
        pub const OPTIONS: u32 = 3;
    }
    pub mod alter_fdw_stmt {
        pub const FDWNAME: u32 = 1;
        pub const FUNC_OPTIONS: u32 = 2;
        pub const OPTIONS: u32 = 3;
    }
    pub mod create_foreign_server_stmt {
        pub const SERVERNAME: u32 = 1;
        pub const SERVERTYPE: u32 = 2;
        pub const VERSION: u32 = 3;
        pub const FDWNAME: u32 = 4;
        pub const IF_NOT_EXISTS: u32 = 5;
        pub const OPTIONS: u32 = 6;
    }
    pub mod alter_foreign_server_stmt {
        pub const SERVERNAME: u32 = 1;
        pub const VERSION: u32 = 2;
        pub const OPTIONS: u32 = 3;
        pub const HAS_VERSION: u32 = 4;
    }
    pub mod create_foreign_table_stmt {
        pub const BASE_STMT: u32 = 1;
        pub const SERVERNAME: u32 = 2;
        pub const OPTIONS: u32 = 3;
    }
    pub mod create_user_mapping_stmt {
        pub const USER: u32 = 1;
        pub const SERVERNAME: u32 = 2;
        pub const IF_NOT_EXISTS: u32 = 3;
        pub const OPTIONS: u32 = 4;
    }
    pub mod alter_user_mapping_stmt {
        pub const USER: u32 = 1;
        pub const SERVERNAME: u32 = 2;
        pub const OPTIONS: u32 = 3;
    }
    pub mod drop_user_mapping_stmt {
        pub const USER: u32 = 1;
        pub const SERVERNAME: u32 = 2;
        pub const MISSING_OK: u32 = 3;
    }
    pub mod import_foreign_schema_stmt {
        pub const SERVER_NAME: u32 = 1;
        pub const REMOTE_SCHEMA: u32 = 2;
        pub const LOCAL_SCHEMA: u32 = 3;
        pub const LIST_TYPE: u32 = 4;
        pub const TABLE_LIST: u32 = 5;
        pub const OPTIONS: u32 = 6;
    }
    pub mod create_policy_stmt {
        pub const POLICY_NAME: u32 = 1;
        pub const TABLE: u32 = 2;
        pub const CMD_NAME: u32 = 3;
        pub const PERMISSIVE: u32 = 4;
        pub const ROLES: u32 = 5;
        pub const QUAL: u32 = 6;
        pub const WITH_CHECK: u32 = 7;
    }
    pub mod alter_policy_stmt {
        pub const POLICY_NAME: u32 = 1;
        pub const TABLE: u32 = 2;
        pub const ROLES: u32 = 3;
        pub const QUAL: u32 = 4;
        pub const WITH_CHECK: u32 = 5;
    }
    pub mod create_am_stmt {
        pub const AMNAME: u32 = 1;
        pub const HANDLER_NAME: u32 = 2;
        pub const AMTYPE: u32 = 3;
    }
    pub mod create_trig_stmt {
        pub const REPLACE: u32 = 1;
        pub const ISCONSTRAINT: u32 = 2;
        pub const TRIGNAME: u32 = 3;
        pub const RELATION: u32 = 4;
        pub const FUNCNAME: u32 = 5;
        pub const ARGS: u32 = 6;
        pub const ROW: u32 = 7;
        pub const TIMING: u32 = 8;
        pub const EVENTS: u32 = 9;
        pub const COLUMNS: u32 = 10;
        pub const WHEN_CLAUSE: u32 = 11;
        pub const TRANSITION_RELS: u32 = 12;
        pub const DEFERRABLE: u32 = 13;
        pub const INITDEFERRED: u32 = 14;
        pub const CONSTRREL: u32 = 15;
    }
    pub mod create_event_trig_stmt {
        pub const TRIGNAME: u32 = 1;
        pub const EVENTNAME: u32 = 2;
        pub const WHENCLAUSE: u32 = 3;
        pub const FUNCNAME: u32 = 4;
    }
    pub mod alter_event_trig_stmt {
        pub const TRIGNAME: u32 = 1;
        pub const TGENABLED: u32 = 2;
    }
    pub mod create_plang_stmt {
        pub const REPLACE: u32 = 1;
        pub const PLNAME: u32 = 2;
        pub const PLHANDLER: u32 = 3;
        pub const PLINLINE: u32 = 4;
        pub const PLVALIDATOR: u32 = 5;
        pub const PLTRUSTED: u32 = 6;
    }
    pub mod create_role_stmt {
        pub const STMT_TYPE: u32 = 1;
        pub const ROLE: u32 = 2;
        pub const OPTIONS: u32 = 3;
    }
    pub mod alter_role_stmt {
        pub const ROLE: u32 = 1;
        pub const OPTIONS: u32 = 2;
        pub const ACTION: u32 = 3;
    }
    pub mod alter_role_set_stmt {
        pub const ROLE: u32 = 1;
        pub const DATABASE: u32 = 2;
        pub const SETSTMT: u32 = 3;
    }
    pub mod drop_role_stmt {
        pub const ROLES: u32 = 1;
        pub const MISSING_OK: u32 = 2;
    }
    pub mod create_seq_stmt {
        pub const SEQUENCE: u32 = 1;
        pub const OPTIONS: u32 = 2;
        pub const OWNER_ID: u32 = 3;
        pub const FOR_IDENTITY: u32 = 4;
        pub const IF_NOT_EXISTS: u32 = 5;
    }
    pub mod alter_seq_stmt {
        pub const SEQUENCE: u32 = 1;
        pub const OPTIONS: u32 = 2;
        pub const FOR_IDENTITY: u32 = 3;
        pub const MISSING_OK: u32 = 4;
    }
    pub mod define_stmt {
        pub const KIND: u32 = 1;
        pub const OLDSTYLE: u32 = 2;
        pub const DEFNAMES: u32 = 3;
        pub const ARGS: u32 = 4;
        pub const DEFINITION: u32 = 5;
        pub const IF_NOT_EXISTS: u32 = 6;
        pub const REPLACE: u32 = 7;
    }
    pub mod create_domain_stmt {
        pub const DOMAINNAME: u32 = 1;
        pub const TYPE_NAME: u32 = 2;
        pub const COLL_CLAUSE: u32 = 3;
        pub const CONSTRAINTS: u32 = 4;
    }
    pub mod create_op_class_stmt {
        pub const OPCLASSNAME: u32 = 1;
        pub const OPFAMILYNAME: u32 = 2;
        pub const AMNAME: u32 = 3;
        pub const DATATYPE: u32 = 4;
        pub const ITEMS: u32 = 5;
        pub const IS_DEFAULT: u32 = 6;
    }
    pub mod create_op_class_item {
        pub const ITEMTYPE: u32 = 1;
        pub const NAME: u32 = 2;
        pub const NUMBER: u32 = 3;
        pub const ORDER_FAMILY: u32 = 4;
        pub const CLASS_ARGS: u32 = 5;
        pub const STOREDTYPE: u32 = 6;
    }
    pub mod create_op_family_stmt {
        pub const OPFAMILYNAME: u32 = 1;
        pub const AMNAME: u32 = 2;
    }
    pub mod alter_op_family_stmt {
        pub const OPFAMILYNAME: u32 = 1;
        pub const AMNAME: u32 = 2;
        pub const IS_DROP: u32 = 3;
        pub const ITEMS: u32 = 4;
    }
    pub mod drop_stmt {
        pub const OBJECTS: u32 = 1;
        pub const REMOVE_TYPE: u32 = 2;
        pub const BEHAVIOR: u32 = 3;
        pub const MISSING_OK: u32 = 4;
        pub const CONCURRENT: u32 = 5;
    }
    pub mod truncate_stmt {
        pub const RELATIONS: u32 = 1;
        pub const RESTART_SEQS: u32 = 2;
        pub const BEHAVIOR: u32 = 3;
    }
    pub mod comment_stmt {
        pub const OBJTYPE: u32 = 1;
        pub const OBJECT: u32 = 2;
        pub const COMMENT: u32 = 3;
    }
    pub mod sec_label_stmt {
        pub const OBJTYPE: u32 = 1;
        pub const OBJECT: u32 = 2;
        pub const PROVIDER: u32 = 3;
        pub const LABEL: u32 = 4;
    }
    pub mod declare_cursor_stmt {
        pub const PORTALNAME: u32 = 1;
        pub const OPTIONS: u32 = 2;
        pub const QUERY: u32 = 3;
    }
    pub mod close_portal_stmt {
        pub const PORTALNAME: u32 = 1;
    }
    pub mod fetch_stmt {
        pub const DIRECTION: u32 = 1;
        pub const HOW_MANY: u32 = 2;
        pub const PORTALNAME: u32 = 3;
        pub const ISMOVE: u32 = 4;
    }
    pub mod index_stmt {
        pub const IDXNAME: u32 = 1;
        pub const RELATION: u32 = 2;
        pub const ACCESS_METHOD: u32 = 3;
        pub const TABLE_SPACE: u32 = 4;
        pub const INDEX_PARAMS: u32 = 5;
        pub const INDEX_INCLUDING_PARAMS: u32 = 6;
        pub const OPTIONS: u32 = 7;
        pub const WHERE_CLAUSE: u32 = 8;
        pub const EXCLUDE_OP_NAMES: u32 = 9;
        pub const IDXCOMMENT: u32 = 10;
        pub const INDEX_OID: u32 = 11;
        pub const OLD_NUMBER: u32 = 12;
        pub const OLD_CREATE_SUBID: u32 = 13;
        pub const OLD_FIRST_RELFILELOCATOR_SUBID: u32 = 14;
        pub const UNIQUE: u32 = 15;
        pub const NULLS_NOT_DISTINCT: u32 = 16;
        pub const PRIMARY: u32 = 17;
        pub const ISCONSTRAINT: u32 = 18;
        pub const ISWITHOUTOVERLAPS: u32 = 19;
        pub const DEFERRABLE: u32 = 20;
        pub const INITDEFERRED: u32 = 21;
        pub const TRANSFORMED: u32 = 22;
        pub const CONCURRENT: u32 = 23;
        pub const IF_NOT_EXISTS: u32 = 24;
        pub const RESET_DEFAULT_TBLSPC: u32 = 25;
    }
    pub mod create_stats_stmt {
        pub const DEFNAMES: u32 = 1;
        pub const STAT_TYPES: u32 = 2;
        pub const EXPRS: u32 = 3;
        pub const RELATIONS: u32 = 4;
        pub const STXCOMMENT: u32 = 5;
        pub const TRANSFORMED: u32 = 6;
        pub const IF_NOT_EXISTS: u32 = 7;
    }
    pub mod stats_elem {
        pub const NAME: u32 = 1;
        pub const EXPR: u32 = 2;
    }
    pub mod alter_stats_stmt {
        pub const DEFNAMES: u32 = 1;
        pub const STXSTATTARGET: u32 = 2;
        pub const MISSING_OK: u32 = 3;
    }
    pub mod create_function_stmt {
        pub const IS_PROCEDURE: u32 = 1;
        pub const REPLACE: u32 = 2;
        pub const FUNCNAME: u32 = 3;
        pub const PARAMETERS: u32 = 4;
        pub const RETURN_TYPE: u32 = 5;
        pub const OPTIONS: u32 = 6;
        pub const SQL_BODY: u32 = 7;
    }
    pub mod function_parameter {
        pub const NAME: u32 = 1;
        pub const ARG_TYPE: u32 = 2;
        pub const MODE: u32 = 3;
        pub const DEFEXPR: u32 = 4;
        pub const LOCATION: u32 = 5;
    }
    pub mod alter_function_stmt {
        pub const OBJTYPE: u32 = 1;
        pub const FUNC: u32 = 2;
        pub const ACTIONS: u32 = 3;
    }
    pub mod do_stmt {
        pub const ARGS: u32 = 1;
    }
    pub mod inline_code_block {
        pub const SOURCE_TEXT: u32 = 1;
        pub const LANG_OID: u32 = 2;
        pub const LANG_IS_TRUSTED: u32 = 3;
        pub const ATOMIC: u32 = 4;
    }
    pub mod call_stmt {
        pub const FUNCCALL: u32 = 1;
        pub const FUNCEXPR: u32 = 2;
        pub const OUTARGS: u32 = 3;
    }
    pub mod call_context {
        pub const ATOMIC: u32 = 1;
    }
    pub mod rename_stmt {
        pub const RENAME_TYPE: u32 = 1;
        pub const RELATION_TYPE: u32 = 2;
        pub const RELATION: u32 = 3;
        pub const OBJECT: u32 = 4;
        pub const SUBNAME: u32 = 5;
        pub const NEWNAME: u32 = 6;
        pub const BEHAVIOR: u32 = 7;
        pub const MISSING_OK: u32 = 8;
    }
    pub mod alter_object_depends_stmt {
        pub const OBJECT_TYPE: u32 = 1;
        pub const RELATION: u32 = 2;
        pub const OBJECT: u32 = 3;
        pub const EXTNAME: u32 = 4;
        pub const REMOVE: u32 = 5;
    }
    pub mod alter_object_schema_stmt {
        pub const OBJECT_TYPE: u32 = 1;
        pub const RELATION: u32 = 2;
        pub const OBJECT: u32 = 3;
        pub const NEWSCHEMA: u32 = 4;
        pub const MISSING_OK: u32 = 5;
    }
    pub mod alter_owner_stmt {
        pub const OBJECT_TYPE: u32 = 1;
        pub const RELATION: u32 = 2;
        pub const OBJECT: u32 = 3;
        pub const NEWOWNER: u32 = 4;
    }
    pub mod alter_operator_stmt {
        pub const OPERNAME: u32 = 1;
        pub const OPTIONS: u32 = 2;
    }
    pub mod alter_type_stmt {
        pub const TYPE_NAME: u32 = 1;
        pub const OPTIONS: u32 = 2;
    }
    pub mod rule_stmt {
        pub const RELATION: u32 = 1;
        pub const RULENAME: u32 = 2;
        pub const WHERE_CLAUSE: u32 = 3;
        pub const EVENT: u32 = 4;
        pub const INSTEAD: u32 = 5;
        pub const ACTIONS: u32 = 6;
        pub const REPLACE: u32 = 7;
    }
    pub mod notify_stmt {
        pub const CONDITIONNAME: u32 = 1;
        pub const PAYLOAD: u32 = 2;
        pub const PAYLOAD_LOCATION: u32 = 3;
    }
    pub mod listen_stmt {
        pub const CONDITIONNAME: u32 = 1;
    }
    pub mod unlisten_stmt {
        pub const CONDITIONNAME: u32 = 1;
    }
    pub mod transaction_stmt {
        pub const KIND: u32 = 1;
        pub const OPTIONS: u32 = 2;
        pub const SAVEPOINT_NAME: u32 = 3;
        pub const GID: u32 = 4;
        pub const CHAIN: u32 = 5;
        pub const LOCATION: u32 = 6;
    }
    pub mod composite_type_stmt {
        pub const TYPEVAR: u32 = 1;
        pub const COLDEFLIST: u32 = 2;
    }
    pub mod create_enum_stmt {
        pub const TYPE_NAME: u32 = 1;
        pub const VALS: u32 = 2;
    }
    pub mod create_range_stmt {
        pub const TYPE_NAME: u32 = 1;
        pub const PARAMS: u32 = 2;
    }
    pub mod alter_enum_stmt {
        pub const TYPE_NAME: u32 = 1;
        pub const OLD_VAL: u32 = 2;
        pub const NEW_VAL: u32 = 3;
        pub const NEW_VAL_NEIGHBOR: u32 = 4;
        pub const NEW_VAL_IS_AFTER: u32 = 5;
        pub const SKIP_IF_NEW_VAL_EXISTS: u32 = 6;
    }
    pub mod view_stmt {
        pub const VIEW: u32 = 1;
        pub const ALIASES: u32 = 2;
        pub const QUERY: u32 = 3;
        pub const REPLACE: u32 = 4;
        pub const OPTIONS: u32 = 5;
        pub const WITH_CHECK_OPTION: u32 = 6;
    }
    pub mod load_stmt {
        pub const FILENAME: u32 = 1;
    }
    pub mod createdb_stmt {
        pub const DBNAME: u32 = 1;
        pub const OPTIONS: u32 = 2;
    }
    pub mod alter_database_stmt {
        pub const DBNAME: u32 = 1;
        pub const OPTIONS: u32 = 2;
    }
    pub mod alter_database_refresh_coll_stmt {
        pub const DBNAME: u32 = 1;
    }
    pub mod alter_database_set_stmt {
        pub const DBNAME: u32 = 1;
        pub const SETSTMT: u32 = 2;
    }
    pub mod dropdb_stmt {
        pub const DBNAME: u32 = 1;
        pub const MISSING_OK: u32 = 2;
        pub const OPTIONS: u32 = 3;
    }
    pub mod alter_system_stmt {
        pub const SETSTMT: u32 = 1;
    }
    pub mod cluster_stmt {
        pub const RELATION: u32 = 1;
        pub const INDEXNAME: u32 = 2;
        pub const PARAMS: u32 = 3;
    }
    pub mod vacuum_stmt {
        pub const OPTIONS: u32 = 1;
        pub const RELS: u32 = 2;
        pub const IS_VACUUMCMD: u32 = 3;
    }
    pub mod vacuum_relation {
        pub const RELATION: u32 = 1;
        pub const OID: u32 = 2;
        pub const VA_COLS: u32 = 3;
    }
    pub mod explain_stmt {
        pub const QUERY: u32 = 1;
        pub const OPTIONS: u32 = 2;
    }
    pub mod create_table_as_stmt {
        pub const QUERY: u32 = 1;
        pub const INTO: u32 = 2;
        pub const OBJTYPE: u32 = 3;
        pub const IS_SELECT_INTO: u32 = 4;
        pub const IF_NOT_EXISTS: u32 = 5;
    }
    pub mod refresh_mat_view_stmt {
        pub const CONCURRENT: u32 = 1;
        pub const SKIP_DATA: u32 = 2;
        pub const RELATION: u32 = 3;
    }
    pub mod check_point_stmt {
    }
    pub mod discard_stmt {
        pub const TARGET: u32 = 1;
    }
    pub mod lock_stmt {
        pub const RELATIONS: u32 = 1;
        pub const MODE: u32 = 2;
        pub const NOWAIT: u32 = 3;
    }
    pub mod constraints_set_stmt {
        pub const CONSTRAINTS: u32 = 1;
        pub const DEFERRED: u32 = 2;
    }
    pub mod reindex_stmt {
        pub const KIND: u32 = 1;
        pub const RELATION: u32 = 2;
        pub const NAME: u32 = 3;
        pub const PARAMS: u32 = 4;
    }
    pub mod create_conversion_stmt {
        pub const CONVERSION_NAME: u32 = 1;
        pub const FOR_ENCODING_NAME: u32 = 2;
        pub const TO_ENCODING_NAME: u32 = 3;
        pub const FUNC_NAME: u32 = 4;
        pub const DEF: u32 = 5;
    }
    pub mod create_cast_stmt {
        pub const SOURCETYPE: u32 = 1;
        pub const TARGETTYPE: u32 = 2;
        pub const FUNC: u32 = 3;
        pub const CONTEXT: u32 = 4;
        pub const INOUT: u32 = 5;
    }
    pub mod create_transform_stmt {
        pub const REPLACE: u32 = 1;
        pub const TYPE_NAME: u32 = 2;
        pub const LANG: u32 = 3;
        pub const FROMSQL: u32 = 4;
        pub const TOSQL: u32 = 5;
    }
    pub mod prepare_stmt {
        pub const NAME: u32 = 1;
        pub const ARGTYPES: u32 = 2;
        pub const QUERY: u32 = 3;
    }
    pub mod execute_stmt {
        pub const NAME: u32 = 1;
        pub const PARAMS: u32 = 2;
    }
    pub mod deallocate_stmt {
        pub const NAME: u32 = 1;
        pub const ISALL: u32 = 2;
        pub const LOCATION: u32 = 3;
    }
    pub mod drop_owned_stmt {
        pub const ROLES: u32 = 1;
        pub const BEHAVIOR: u32 = 2;
    }
    pub mod reassign_owned_stmt {
        pub const ROLES: u32 = 1;
        pub const NEWROLE: u32 = 2;
    }
    pub mod alter_tsdictionary_stmt {
        pub const DICTNAME: u32 = 1;
        pub const OPTIONS: u32 = 2;
    }
    pub mod alter_tsconfiguration_stmt {
        pub const KIND: u32 = 1;
        pub const CFGNAME: u32 = 2;
        pub const TOKENTYPE: u32 = 3;
        pub const DICTS: u32 = 4;
        pub const OVERRIDE: u32 = 5;
        pub const REPLACE: u32 = 6;
        pub const MISSING_OK: u32 = 7;
    }
    pub mod publication_table {
        pub const RELATION: u32 = 1;
        pub const WHERE_CLAUSE: u32 = 2;
        pub const COLUMNS: u32 = 3;
    }
    pub mod publication_obj_spec {
        pub const PUBOBJTYPE: u32 = 1;
        pub const NAME: u32 = 2;
        pub const PUBTABLE: u32 = 3;
        pub const LOCATION: u32 = 4;
    }
    pub mod create_publication_stmt {
        pub const PUBNAME: u32 = 1;
        pub const OPTIONS: u32 = 2;
        pub const PUBOBJECTS: u32 = 3;
        pub const FOR_ALL_TABLES: u32 = 4;
    }
    pub mod alter_publication_stmt {
        pub const PUBNAME: u32 = 1;
        pub const OPTIONS: u32 = 2;
        pub const PUBOBJECTS: u32 = 3;
        pub const FOR_ALL_TABLES: u32 = 4;
        pub const ACTION: u32 = 5;
    }
    pub mod create_subscription_stmt {
        pub const SUBNAME: u32 = 1;
        pub const CONNINFO: u32 = 2;
        pub const PUBLICATION: u32 = 3;
        pub const OPTIONS: u32 = 4;
        pub const CONNINFO_LOCATION: u32 = 5;
    }
    pub mod alter_subscription_stmt {
        pub const KIND: u32 = 1;
        pub const SUBNAME: u32 = 2;
        pub const CONNINFO: u32 = 3;
        pub const PUBLICATION: u32 = 4;
        pub const OPTIONS: u32 = 5;
        pub const CONNINFO_LOCATION: u32 = 6;
    }
    pub mod drop_subscription_stmt {
        pub const SUBNAME: u32 = 1;
        pub const MISSING_OK: u32 = 2;
        pub const BEHAVIOR: u32 = 3;
    }
    pub mod scan_token {
        pub const START: u32 = 1;
        pub const END: u32 = 2;
        pub const TOKEN: u32 = 4;
        pub const KEYWORD_KIND: u32 = 5;
    }
    pub mod summary_result {
    }
    pub mod table {
        pub const NAME: u32 = 1;
        pub const SCHEMA_NAME: u32 = 2;
        pub const TABLE_NAME: u32 = 3;
        pub const CONTEXT: u32 = 4;
        pub const TABLES: u32 = 1;
        pub const CTE_NAMES: u32 = 3;
    }
    pub mod function {
        pub const NAME: u32 = 1;
        pub const FUNCTION_NAME: u32 = 2;
        pub const SCHEMA_NAME: u32 = 3;
        pub const CONTEXT: u32 = 4;
        pub const FUNCTIONS: u32 = 4;
    }
    pub mod filter_column {
        pub const SCHEMA_NAME: u32 = 1;
        pub const TABLE_NAME: u32 = 2;
        pub const COLUMN: u32 = 3;
        pub const FILTER_COLUMNS: u32 = 5;
        pub const STATEMENT_TYPES: u32 = 6;
        pub const TRUNCATED_QUERY: u32 = 7;
    }
}
