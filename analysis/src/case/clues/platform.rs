//! Lambda could not run the function. *What it looks for*: the errors that the service itself gives an invocation. *Why
//! it matters*: no code of the function ran, its words say nothing of it. *How to confirm*: no line of that attempt.
//!
//! The table follows the errors of the [Invoke API](https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors).

use crate::case::{
    clue::{self, Clue},
    failures::{Failure, message},
    scene::Scene,
    text,
};
use model::Category;

/// The service's errors, without `Lambda.` and `Exception`, what they speak of, and what they mean. What throttling, sizes
/// and permissions to invoke mean is told by other detectors.
const ERRORS: [(&str, Category, &str); 30] = [
    ("Service", Category::Infrastructure, "the service failed"),
    (
        "CodeArtifactUserDeleted",
        Category::BadDeploy,
        "its code cannot be read any more",
    ),
    (
        "CodeArtifactUserFailed",
        Category::BadDeploy,
        "its code cannot be read",
    ),
    (
        "CodeArtifactUserPending",
        Category::BadDeploy,
        "its code cannot be read yet",
    ),
    (
        "EC2AccessDenied",
        Category::Permission,
        "its role may not set up the VPC",
    ),
    (
        "EC2Throttled",
        Category::Capacity,
        "EC2 throttled the set-up of the VPC",
    ),
    (
        "EC2Unexpected",
        Category::Infrastructure,
        "EC2 failed to set up the VPC",
    ),
    (
        "EFSIO",
        Category::Infrastructure,
        "its file system cannot be read or written",
    ),
    (
        "EFSMountConnectivity",
        Category::NetworkConfig,
        "its file system cannot be reached",
    ),
    (
        "EFSMountFailure",
        Category::Permission,
        "its file system may not be mounted, or is set up wrongly",
    ),
    (
        "EFSMountTimeout",
        Category::Infrastructure,
        "its file system was not mounted in time",
    ),
    (
        "S3FilesMountConnectivity",
        Category::NetworkConfig,
        "its file system cannot be reached",
    ),
    (
        "S3FilesMountFailure",
        Category::Permission,
        "its file system may not be mounted",
    ),
    (
        "S3FilesMountTimeout",
        Category::Infrastructure,
        "its file system was not mounted in time",
    ),
    (
        "ENILimitReached",
        Category::Capacity,
        "the VPC has no network interface left",
    ),
    (
        "SubnetIPAddressLimitReached",
        Category::Capacity,
        "its subnets have no address left",
    ),
    (
        "InvalidRuntime",
        Category::BadDeploy,
        "its runtime does not exist",
    ),
    (
        "InvalidZipFile",
        Category::BadDeploy,
        "its package cannot be unpacked",
    ),
    (
        "InvalidSecurityGroupID",
        Category::NetworkConfig,
        "its security group does not exist",
    ),
    (
        "InvalidSubnetID",
        Category::NetworkConfig,
        "its subnet does not exist",
    ),
    (
        "KMSAccessDenied",
        Category::Permission,
        "its role may not use the key of its environment",
    ),
    (
        "KMSDisabled",
        Category::Permission,
        "the key of its environment is disabled",
    ),
    (
        "KMSInvalidState",
        Category::Permission,
        "the key of its environment cannot be used",
    ),
    (
        "KMSNotFound",
        Category::Permission,
        "the key of its environment does not exist",
    ),
    (
        "ResourceConflict",
        Category::BadDeploy,
        "it was being changed",
    ),
    (
        "ResourceNotFound",
        Category::BadDeploy,
        "the function, version or alias does not exist",
    ),
    (
        "ResourceNotReady",
        Category::Infrastructure,
        "it is inactive",
    ),
    (
        "SnapStartNotReady",
        Category::ColdStart,
        "its snapshot was not ready",
    ),
    (
        "SnapStartTimeout",
        Category::ColdStart,
        "its snapshot was not restored in time",
    ),
    (
        "SnapStart",
        Category::BadDeploy,
        "its hook after the restore failed",
    ),
];

/// What an error of Lambda itself means.
fn meaning(error: &str) -> Option<(Category, &'static str)> {
    let of_lambda = error.strip_prefix("Lambda.")?;
    let name = of_lambda.strip_suffix("Exception").unwrap_or(of_lambda);
    let found = ERRORS.iter().find(|it| it.0.eq_ignore_ascii_case(name))?;
    Some((found.1, found.2))
}

/// True when Lambda itself says why it did not run the function.
pub(super) fn told(error: &str) -> bool {
    meaning(error).is_some()
}

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let (Some(name), Some(attempt)) = (failure.function(), failure.attempt) else {
        return Vec::new();
    };
    let Some((category, why)) = meaning(&failure.error) else {
        return Vec::new();
    };
    let suspect = clue::function(scene, attempt, name, failure.version());
    let said = text::brief(&message(&failure.cause), 160);
    let mechanism = format!(
        "Lambda could not run {name} in {}: {why} ({said})",
        failure.state()
    );
    vec![
        Clue::new(suspect, category, 0.95, mechanism)
            .with(failure.exhibit())
            .changed(super::deploy::changed(scene, failure)),
    ]
}

#[cfg(test)]
mod tests {
    use super::meaning;
    use model::Category;

    #[test]
    fn errors_of_the_service_have_a_meaning() {
        let check = |error: &str, expect: Option<Category>| {
            assert_eq!(meaning(error).map(|it| it.0), expect, "{error}")
        };
        check(
            "Lambda.EFSMountConnectivityException",
            Some(Category::NetworkConfig),
        );
        check(
            "Lambda.KMSAccessDeniedException",
            Some(Category::Permission),
        );
        check("Lambda.EC2ThrottledException", Some(Category::Capacity));
        check("Lambda.Ec2ThrottledException", Some(Category::Capacity));
        check("Lambda.InvalidZipFileException", Some(Category::BadDeploy));
        check(
            "Lambda.SnapStartTimeoutException",
            Some(Category::ColdStart),
        );
        check(
            "Lambda.ResourceNotFoundException",
            Some(Category::BadDeploy),
        );
        // The application may call its own errors so.
        check("ResourceNotFoundException", None);
        check("Lambda.TooManyRequestsException", None);
        check("Lambda.ServiceException", Some(Category::Infrastructure));
        // Its words tell what it is: a permission mostly.
        check("Lambda.AWSLambdaException", None);
        check("Lambda.", None);
    }
}
