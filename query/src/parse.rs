//! Parses SQL within a budget of steps.
//!
//! The parser tries alternatives and goes back, at some places at every level of nesting: a few dozen
//! unclosed `CASE` or `CAST(` keep it busy for hours, and it cannot be interrupted. Elsewhere, as in
//! `INTERVAL INTERVAL …`, it forgets to count its depth and runs out of stack. It asks the dialect before
//! every expression, though, and there both are counted.

use crate::{Error, place::Known};
use datafusion::error::DataFusionError;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator};
use datafusion::sql::sqlparser::dialect::{Dialect, GenericDialect, Precedence};
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;
use std::any::TypeId;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Expressions that may be begun: so many, and as many as the text has bytes. A text without traps
/// begins fewer than one every two bytes.
const STEPS: usize = 5_000;
/// Bytes of stack that nesting may take on a thread for queries, which has 64 megabytes. An unoptimised build needs
/// several times as much for the same text.
const STACK: usize = if cfg!(debug_assertions) { 8 } else { 1 } * 1024 * 1024;
/// The same for one condition, which any thread may read: these have two megabytes or more.
const STACK_OF_ONE: usize = 1024 * 1024;
/// Operators in one text. A chain of them is as deep as it is long: what walks over it recurses, and
/// planning it takes time by the square of its length.
const OPERATORS: usize = 1_000;
/// The same of one condition, which is printed: that takes more stack.
const OPERATORS_OF_ONE: usize = 200;
/// Places where rows are combined: each is a level of the plan.
const COMBINATIONS: usize = 200;
/// Opening square brackets in one text. `a[1][1]…` is tried as a type, too, which is as deep as it is long.
const BRACKETS: usize = 1_000;
/// Levels of nesting.
const DEPTH: usize = 50;

/// The one statement of the text.
pub(crate) fn parse(
    text: &str,
    explain: impl Fn(DataFusionError) -> Error,
) -> Result<Statement, Error> {
    let parse = |dialect: &Budgeted| {
        DFParserBuilder::new(text)
            .with_dialect(dialect)
            .with_recursion_limit(DEPTH)
            .build()
            .and_then(|mut parser| parser.parse_statements())
    };
    let mut statements = within_budget(text, (OPERATORS, STACK), parse)?.map_err(explain)?;
    match (statements.pop_front(), statements.len()) {
        (Some(statement), 0) => Ok(statement),
        (None, _) => Err(Error::sql("the query is empty")),
        (Some(_), more) => Err(Error::sql(format!(
            "only one statement at a time; here are {}",
            more + 1
        ))),
    }
}

/// A condition as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The whole of it, printed from what was parsed: no comment and no bracket of it reaches beyond it.
    pub text: String,
    /// What AND, OR, NOT and brackets put together, in order.
    pub parts: Vec<String>,
}

/// Reads one condition, such as stands behind WHERE.
///
/// # Errors
/// When the text is no expression, or more than one.
pub fn condition(text: &str) -> Result<Condition, Error> {
    if text.len() > crate::guard::MAX_TEXT {
        return Err(Error::sql("the condition is too long"));
    }
    let parse = |dialect: &Budgeted| {
        let mut parser = Parser::new(dialect)
            .with_recursion_limit(DEPTH)
            .try_with_sql(text)?;
        let expression = parser.parse_expr()?;
        match parser.peek_token().token {
            Token::EOF => Ok(expression),
            _ => parser.expected("the end of the condition", parser.peek_token()),
        }
    };
    let explain = |error: ParserError| {
        let error = DataFusionError::SQL(Box::new(error), None);
        crate::place::explain(error, text, &Known::default())
    };
    let expression =
        within_budget(text, (OPERATORS_OF_ONE, STACK_OF_ONE), parse)?.map_err(explain)?;
    let mut parts = Vec::new();
    collect(&expression, &mut parts);
    Ok(Condition {
        text: expression.to_string(),
        parts,
    })
}

fn collect(expression: &Expr, parts: &mut Vec<String>) {
    match expression {
        Expr::Nested(inner) => collect(inner, parts),
        Expr::UnaryOp {
            op: UnaryOperator::Not,
            expr,
        } => collect(expr, parts),
        Expr::BinaryOp {
            left,
            op: BinaryOperator::And | BinaryOperator::Or,
            right,
        } => {
            collect(left, parts);
            collect(right, parts);
        }
        other => parts.push(other.to_string()),
    }
}

/// Parses, unless it takes too many steps or too much stack.
fn within_budget<T>(
    text: &str,
    (operators, most_stack): (usize, usize),
    parse: impl FnOnce(&Budgeted) -> T,
) -> Result<T, Error> {
    check_combinations(text)?;
    let dialect = Budgeted {
        operators: AtomicUsize::new(operators),
        left: AtomicUsize::new(STEPS + text.len()),
        stack: stack_here(),
        most_stack,
    };
    let parsed = panic::catch_unwind(AssertUnwindSafe(|| parse(&dialect)));
    let (Ok(parsed), 1..) = (parsed, dialect.left.load(Ordering::Relaxed)) else {
        return Err(Error::sql(
            "the query cannot be parsed in reasonable time; it is nested too deeply, or a CASE has no END",
        ));
    };
    if dialect.operators.load(Ordering::Relaxed) == 0 {
        return Err(Error::sql(format!(
            "the query has more than {operators} operators; a long list of OR can be written as IN (…)"
        )));
    }
    Ok(parsed)
}

/// Counts the words that combine rows, and brackets, also where they are only text: it is an upper bound.
fn check_combinations(text: &str) -> Result<(), Error> {
    if text.bytes().filter(|byte| *byte == b'[').count() > BRACKETS {
        return Err(Error::sql(format!(
            "the query has more than {BRACKETS} square brackets"
        )));
    }
    let combines = |word: &&str| {
        ["union", "except", "intersect", "join"]
            .iter()
            .any(|known| word.eq_ignore_ascii_case(known))
    };
    let words = text.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    if words.filter(combines).count() > COMBINATIONS {
        return Err(Error::sql(format!(
            "the query joins and unites more than {COMBINATIONS} times"
        )));
    }
    Ok(())
}

/// DataFusion's own dialect, counting.
#[derive(Debug)]
struct Budgeted {
    left: AtomicUsize,
    operators: AtomicUsize,
    /// Where the stack ended at the beginning, and how far it may go.
    stack: usize,
    most_stack: usize,
}

impl Budgeted {
    /// Leaves the parser when it is too deep in the stack. Most of what it asks the dialect cannot be
    /// answered by an error, so this unwinds, without a panic's message.
    fn check_stack(&self) {
        if self.stack.abs_diff(stack_here()) > self.most_stack {
            self.left.store(0, Ordering::Relaxed);
            panic::resume_unwind(Box::new("nested too deeply"));
        }
    }
}

/// Roughly where the stack ends now.
#[inline(never)]
fn stack_here() -> usize {
    let here = 0_u8;
    std::ptr::from_ref(&here) as usize
}

fn prec(precedence: Precedence) -> u8 {
    GenericDialect.prec_value(precedence)
}

/// Answers as [`GenericDialect`] does.
macro_rules! generic {
    ($($question:ident),* $(,)?) => {
        $(fn $question(&self) -> bool {
            self.check_stack();
            GenericDialect.$question()
        })*
    };
}

impl Dialect for Budgeted {
    fn dialect(&self) -> TypeId {
        GenericDialect.dialect()
    }

    fn parse_prefix(&self, _: &mut Parser) -> Option<Result<Expr, ParserError>> {
        let spend = |left: usize| left.checked_sub(1);
        let spent = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend);
        self.check_stack();
        // The only error after which the parser tries no alternative.
        spent
            .is_err()
            .then_some(Err(ParserError::RecursionLimitExceeded))
    }

    fn parse_infix(&self, _: &mut Parser, _: &Expr, _: u8) -> Option<Result<Expr, ParserError>> {
        let spend = |left: usize| left.checked_sub(1);
        let spent = self
            .operators
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend);
        spent
            .is_err()
            .then_some(Err(ParserError::RecursionLimitExceeded))
    }

    /// `->` and `->>` bind tighter than comparisons, as in PostgreSQL.
    fn prec_value(&self, precedence: Precedence) -> u8 {
        let between = |low, high| u8::midpoint(prec(low), prec(high));
        match precedence {
            Precedence::PgOther => between(Precedence::Xor, Precedence::PlusMinus),
            other => prec(other),
        }
    }

    fn is_delimited_identifier_start(&self, letter: char) -> bool {
        GenericDialect.is_delimited_identifier_start(letter)
    }

    fn is_identifier_start(&self, letter: char) -> bool {
        GenericDialect.is_identifier_start(letter)
    }

    fn is_identifier_part(&self, letter: char) -> bool {
        GenericDialect.is_identifier_part(letter)
    }

    generic! {
        supports_string_literal_backslash_escape,
        ignores_wildcard_escapes,
        supports_unicode_string_literal,
        supports_filter_during_aggregation,
        supports_window_clause_named_window_reference,
        supports_within_after_array_aggregation,
        supports_partition_by_after_order_by,
        supports_array_join_syntax,
        supports_group_by_expr,
        supports_group_by_with_modifier,
        supports_left_associative_joins_without_parens,
        supports_outer_join_operator,
        supports_cross_join_constraint,
        supports_connect_by,
        supports_execute_immediate,
        supports_match_recognize,
        supports_in_empty_list,
        supports_start_transaction_modifier,
        supports_end_transaction_modifier,
        supports_named_fn_args_with_eq_operator,
        supports_named_fn_args_with_colon_operator,
        supports_named_fn_args_with_assignment_operator,
        supports_named_fn_args_with_rarrow_operator,
        supports_named_fn_args_with_expr_name,
        supports_numeric_prefix,
        supports_numeric_literal_underscores,
        supports_window_function_null_treatment_arg,
        supports_dictionary_syntax,
        support_map_literal_syntax,
        supports_lambda_functions,
        supports_parenthesized_set_variables,
        supports_comma_separated_set_assignments,
        supports_update_order_by,
        supports_select_wildcard_except,
        convert_type_before_value,
        supports_triple_quoted_string,
        supports_trailing_commas,
        supports_limit_comma,
        supports_string_literal_concatenation,
        supports_string_literal_concatenation_with_newline,
        supports_projection_trailing_commas,
        supports_from_trailing_commas,
        supports_column_definition_trailing_commas,
        supports_object_name_double_dot_notation,
        supports_struct_literal,
        supports_empty_projections,
        supports_select_expr_star,
        supports_from_first_select,
        supports_from_first_insert,
        supports_pipe_operator,
        supports_user_host_grantee,
        supports_match_against,
        supports_select_wildcard_exclude,
        supports_select_exclude,
        supports_create_table_multi_schema_info_sources,
        supports_select_modifiers,
        describe_requires_table_keyword,
        allow_extract_custom,
        allow_extract_single_quotes,
        supports_extract_comma_syntax,
        supports_subquery_as_function_arg,
        supports_create_view_comment_syntax,
        supports_array_typedef_without_element_type,
        supports_parens_around_table_factor,
        supports_values_as_table_factor,
        supports_dollar_placeholder,
        supports_dollar_as_money_prefix,
        supports_create_index_with_clause,
        require_interval_qualifier,
        supports_explain_with_utility_options,
        supports_asc_desc_in_column_definition,
        supports_factorial_operator,
        supports_bitwise_shift_operators,
        supports_nested_comments,
        supports_multiline_comment_hints,
        supports_eq_alias_assignment,
        supports_try_convert,
        supports_bang_not_operator,
        supports_listen_notify,
        supports_load_data,
        supports_load_extension,
        supports_top_before_distinct,
        supports_boolean_literals,
        supports_show_like_before_in,
        supports_comment_on,
        supports_create_table_select,
        supports_partiql,
        supports_constraint_keyword_without_name,
        supports_key_column_option,
        supports_table_sample_before_alias,
        supports_insert_set,
        supports_insert_table_function,
        supports_insert_table_query,
        supports_insert_format,
        supports_insert_table_alias,
        supports_set_stmt_without_operator,
        supports_table_versioning,
        supports_string_escape_constant,
        supports_table_hints,
        requires_single_line_comment_whitespace,
        supports_array_typedef_with_brackets,
        supports_geometric_types,
        supports_order_by_all,
        supports_set_names,
        supports_space_separated_column_options,
        supports_alter_column_type_using,
        supports_comma_separated_drop_column_list,
        supports_notnull_operator,
        supports_data_type_signed_suffix,
        supports_interval_options,
        supports_create_table_like_parenthesized,
        supports_semantic_view_table_factor,
        supports_quote_delimited_string,
        supports_comment_optimizer_hint,
        supports_double_ampersand_operator,
        supports_binary_kw_as_cast,
        supports_select_wildcard_replace,
        supports_select_wildcard_ilike,
        supports_select_wildcard_rename,
        supports_select_wildcard_with_alias,
        supports_optimize_table,
        supports_install,
        supports_detach,
        supports_prewhere,
        supports_with_fill,
        supports_limit_by,
        supports_interpolate,
        supports_settings,
        supports_select_format,
        supports_comma_separated_trim,
        supports_cte_without_as,
        supports_select_item_multi_column_alias,
        supports_xml_expressions,
        supports_create_table_using,
        supports_long_type_as_bigint,
        supports_map_literal_with_angle_brackets,
    }
}
